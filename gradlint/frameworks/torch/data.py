"""`torch.utils.data`: datasets, samplers and loaders. A loader gives one batch, whose content is not known."""

from __future__ import annotations

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Instance, Native, Tensor, Value
from gradlint.frameworks.nodes import integer
from gradlint.frameworks.registry import framework_class
from gradlint.network import Kind

NAMES: dict[str, Value] = {}


def _nothing(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    pass


_DATASET = framework_class("torch.utils.data.Dataset", (), {"__init__": _nothing})
NAMES["utils.data.Dataset"] = NAMES["utils.data.dataset.Dataset"] = _DATASET


def _define(name: str, base: str, methods: dict[str, Value]) -> None:
    cls = framework_class(f"torch.utils.data.{name}", (), methods)
    parent = NAMES.get(f"utils.data.{base}")
    if parent is not None:
        cls.bases = (parent,)
        cls.mro = (cls, *parent.mro)
    NAMES[f"utils.data.{name}"] = NAMES[f"utils.data.dataset.{name}"] = cls


# Datasets.


def _tensor_dataset(ctx: Context, self: Instance, *tensors: Value) -> None:
    self.attrs["tensors"] = tensors


def _rows(ctx: Context, self: Instance, index: Value) -> Value:
    return tuple(_row(ctx, tensor, index) for tensor in self.attrs.get("tensors", ()))


def _row(ctx: Context, value: Value, index: Value) -> Value:
    if not isinstance(value, Tensor):
        return ctx.unknown("an item of a dataset")
    from gradlint.frameworks.indexing import get_item

    return get_item(ctx, value, index)


def _length_of_tensors(ctx: Context, self: Instance) -> Value:
    tensors = self.attrs.get("tensors", ())
    first = tensors[0] if tensors else None
    if isinstance(first, Tensor) and first.shape:
        return first.shape[0]
    return ctx.unknown("the size of a dataset")


def _wrap_dataset(ctx: Context, self: Instance, dataset: Value, *args: Value, **kwargs: Value) -> None:
    self.attrs["dataset"] = dataset
    if args:
        self.attrs["indices"] = args[0]


def _item(ctx: Context, self: Instance, index: Value) -> Value:
    return ctx.unknown("an item of a dataset")


def _unknown_length(ctx: Context, self: Instance) -> Value:
    return ctx.unknown("the size of a dataset")


_define("IterableDataset", "Dataset", {})
_define("TensorDataset", "Dataset", {"__init__": _tensor_dataset, "__getitem__": _rows, "__len__": _length_of_tensors})
_define("Subset", "Dataset", {"__init__": _wrap_dataset, "__getitem__": _item, "__len__": _unknown_length})
_define("ConcatDataset", "Dataset", {"__init__": _wrap_dataset, "__getitem__": _item, "__len__": _unknown_length})


def _random_split(ctx: Context, dataset: Value, lengths: Value, generator: Value = None) -> Value:
    cls = NAMES["utils.data.Subset"]
    count = len(lengths) if isinstance(lengths, (list, tuple)) else None
    if count is None:
        return ctx.unknown("the parts of a dataset")
    return [Instance(cls, {"dataset": dataset}, origin=ctx.origin()) for _ in range(count)]


NAMES["utils.data.random_split"] = Native("torch.utils.data.random_split", _random_split)


# Samplers.


for _name in [
    "Sampler",
    "SequentialSampler",
    "RandomSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
    "BatchSampler",
    "distributed.DistributedSampler",
    "DistributedSampler",
]:
    NAMES[f"utils.data.{_name}"] = framework_class(
        f"torch.utils.data.{_name}", (), {"__init__": _nothing, "set_epoch": _nothing}
    )


# Loaders.


def _loader(
    ctx: Context,
    self: Instance,
    dataset: Value,
    batch_size: Value = 1,
    shuffle: Value = None,
    *args: Value,
    **kwargs: Value,
) -> None:
    self.attrs.update(dataset=dataset, batch_size=batch_size, sampler=kwargs.get("sampler"))
    self.hidden["drop_last"] = kwargs.get("drop_last", False)


def _tensors_of(dataset: Value) -> tuple[Value, ...] | None:
    """The tensors of a TensorDataset, perhaps behind a random split."""
    while isinstance(dataset, Instance):
        tensors = dataset.attrs.get("tensors")
        if isinstance(tensors, tuple):
            return tensors
        dataset = dataset.attrs.get("dataset", MISSING)
    return None


def _batches(ctx: Context, self: Instance) -> Value:
    tensors, size = _tensors_of(self.attrs.get("dataset")), integer(self.attrs.get("batch_size"))
    if tensors is None or not tensors:
        return ctx.unknown("a batch of data")
    return [[_batch(ctx, tensor, size) for tensor in tensors]]


def _batch(ctx: Context, value: Value, size: int | None) -> Value:
    if not isinstance(value, Tensor):
        return ctx.unknown("a batch of data")
    shape = None if not value.shape or size is None else (min(size, value.shape[0]), *value.shape[1:])
    kind = "float" if value.dtype.startswith(("float", "bfloat")) else "int"
    return ctx.emit(Kind.INPUT, (), shape, attributes={"dtype": kind}, dtype=value.dtype)


def _batch_count(ctx: Context, self: Instance) -> Value:
    return ctx.unknown("the number of batches")


NAMES["utils.data.DataLoader"] = NAMES["utils.data.dataloader.DataLoader"] = framework_class(
    "torch.utils.data.DataLoader", (), {"__init__": _loader, "__iter__": _batches, "__len__": _batch_count}
)
for _name in ("default_collate", "get_worker_info"):
    NAMES[f"utils.data.{_name}"] = Native(
        f"torch.utils.data.{_name}", lambda ctx, *args, **kwargs: ctx.unknown("loading of data")
    )
