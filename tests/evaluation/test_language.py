"""The evaluator agrees with Python: each program is evaluated, and run, and `result` is the same."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from gradlint.evaluation.values import Unknown

PROGRAMS = {
    "arithmetic": "result = (1 + 2 * 3 - 4 / 2, 7 // 2, 7 % 3, 2 ** 10, -5, ~5, 1 << 4, 6 & 3, 6 | 3, 6 ^ 3)",
    "comparison chains": "result = (1 < 2 < 3, 1 < 2 > 5, 'a' in 'abc', 3 not in [1, 2], None is None, [] is not None)",
    "boolean operators give operands": "result = (0 or 5, 3 and 4, not [], None or 'x', 1 and 0)",
    "f-strings": "n, w = 3, 2.5\nresult = f'layer{n}_{w:.2f}_{n!r}_{{x}}'",
    "string methods": "result = ('a_b_c'.split('_'), '-'.join(['x', 'y']), 'Ab'.lower(), 'model.fc'.startswith('model'))",
    "old formatting": "result = ('%s-%d' % ('a', 3), '{}:{name}'.format(1, name='q'))",
    "slices": "x = list(range(10))\nresult = (x[2:5], x[::-1], x[-1], x[::3], (1, 2, 3)[:2], 'hello'[1:3])",
    "unpacking": "a, (b, *c), d = 1, (2, 3, 4), 5\nresult = (a, b, c, d, [*c, *[9]], {**{'k': 1}, 'j': 2})",
    "swap": "a, b = 1, 2\na, b = b, a\nresult = (a, b)",
    "augmented assignment": "x = [1]\ny = x\ny += [2]\nz = 3\nz **= 2\nresult = (x, z)",
    "list methods": """
        x = [3, 1, 2]
        x.append(5)
        x.extend((7, 8))
        x.insert(0, 9)
        x.remove(1)
        y = x.pop()
        x.sort(key=lambda v: -v)
        result = (x, y, x.index(5), x.count(2))
    """,
    "dict methods": """
        d = dict(a=1, b=2)
        d.update({'c': 3}, e=5)
        d.setdefault('f', []).append(1)
        result = (d, d.pop('a'), list(d.items()), sorted(d), d.get('zz', 7), 'b' in d)
    """,
    "comprehensions": """
        result = (
            [i * j for i in range(3) for j in range(3) if i != j],
            {k: v for k, v in zip('abc', range(3))},
            sorted({x % 3 for x in range(10)}),
            sum(x for x in range(5)),
        )
    """,
    "comprehension does not leak": "x = 5\ny = [x for x in range(3)]\nresult = (x, y)",
    "for else and break": """
        found = []
        for i in range(5):
            if i == 3:
                break
            if i % 2:
                continue
            found.append(i)
        else:
            found.append('else')
        for i in range(2):
            pass
        else:
            found.append('done')
        result = (found, i)
    """,
    "while": "n, steps = 27, 0\nwhile n != 1:\n    n = n // 2 if n % 2 == 0 else 3 * n + 1\n    steps += 1\nresult = steps",
    "default arguments": """
        def f(a, b=2, *args, c=4, **kwargs):
            return (a, b, args, c, sorted(kwargs.items()))
        result = (f(1), f(1, 3, 5, 6, c=7, d=8), f(*[1, 2], **{'c': 3}))
    """,
    "positional-only and keyword-only": "def f(a, /, b, *, c):\n    return a + b + c\nresult = f(1, b=2, c=3)",
    "mutable default is shared": "def f(x=[]):\n    x.append(1)\n    return len(x)\nresult = (f(), f(), f())",
    "closures": """
        def make(n):
            count = 0
            def step():
                nonlocal count
                count += n
                return count
            return step
        s = make(3)
        s()
        result = s()
    """,
    "late binding in a loop": "fs = [lambda: i for i in range(3)]\nresult = [f() for f in fs]",
    "global": "n = 1\ndef f():\n    global n\n    n = 5\nf()\nresult = n",
    "recursion": "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nresult = fib(12)",
    "decorators": """
        registry = {}
        def register(name=None):
            def wrap(f):
                registry[name or f.__name__] = f
                return f
            return wrap
        @register()
        def a():
            return 1
        @register('bee')
        def b():
            return 2
        result = (sorted(registry), registry['bee']())
    """,
    "fields of a dataclass": """
        import dataclasses
        from dataclasses import dataclass, field, fields
        @dataclass
        class C:
            a: int
            b: float = 0.5
            c: list = field(default_factory=list)
            d: int = field(default=3, init=False)
        result = [(f.name, f.default is dataclasses.MISSING, f.default_factory is dataclasses.MISSING, f.init)
                  for f in fields(C)], [f.default for f in fields(C)][1], fields(C)[2].default_factory()
    """,
    "keys as sets": """
        a, b = {"x": 1, "y": 2}, {"y": 3, "z": 4}
        result = (len(a.keys() | b.keys()), sorted(a.keys() & b.keys()), sorted(a.keys() - b.keys()),
                  sorted({"y"} | a.keys()), sorted(a.keys() ^ {"x"}))
    """,
    "a mapping of its own": """
        from collections.abc import Mapping, MutableMapping
        class Registry(MutableMapping):
            known = {"relu": 1, "gelu": 2}
            def __init__(self):
                self.own = {}
            def __getitem__(self, key):
                if key in self.own:
                    return self.own[key]
                return self.known[key]
            def __setitem__(self, key, value):
                self.own[key] = value
            def __delitem__(self, key):
                del self.own[key]
            def __iter__(self):
                return iter({**self.known, **self.own})
            def __len__(self):
                return len({**self.known, **self.own})
            def choose(self, name, default):
                return super().get(name, default)
        r = Registry()
        r["tanh"] = 3
        r.update({"silu": 4}, elu=5)
        result = (r.get("relu"), r.get("none"), r.choose("none", 7), "tanh" in r, "none" in r, sorted(r.keys()),
                  sorted(r.values()), sorted(r.items()), r.pop("silu"), r.pop("none", 0), r.setdefault("elu", 9),
                  len(r), isinstance(r, Mapping), isinstance({}, Mapping), isinstance([], Mapping), isinstance(3, Mapping))
    """,
    "annotations that no type has": """
        from typing import Literal
        class C:
            mode: Literal["a", "b"] | None = None
            size: int | None = 3
        result = (C.mode, C.size)
    """,
    "wrapping decorator": """
        import functools
        def twice(f):
            @functools.wraps(f)
            def inner(*args, **kwargs):
                return 2 * f(*args, **kwargs)
            return inner
        @twice
        def f(x, y=1):
            return x + y
        result = (f(3), f(3, y=4), f.__name__)
    """,
    "inheritance": """
        class A:
            size = 1
            def __init__(self, x):
                self.x = x
            def value(self):
                return ('A', self.x)
        class B(A):
            size = 2
            def __init__(self, x, y):
                super().__init__(x)
                self.y = y
            def value(self):
                return ('B', self.y, super().value())
        b = B(1, 2)
        result = (b.value(), B.size, A.size, isinstance(b, A), type(b).__name__, hasattr(b, 'y'), hasattr(b, 'z'))
    """,
    "method resolution order": """
        class Base:
            def go(self):
                return ['Base']
        class L(Base):
            def go(self):
                return ['L'] + super().go()
        class R(Base):
            def go(self):
                return ['R'] + super().go()
        class D(L, R):
            def go(self):
                return ['D'] + super().go()
        result = D().go()
    """,
    "properties and static methods": """
        class C:
            def __init__(self):
                self._n = 2
            @property
            def n(self):
                return self._n
            @n.setter
            def n(self, value):
                self._n = value * 10
            @staticmethod
            def twice(x):
                return 2 * x
            @classmethod
            def make(cls):
                return cls()
        c = C.make()
        c.n = 4
        result = (c.n, C.twice(4), c.twice(5))
    """,
    "dunder methods": """
        class V:
            def __init__(self, x):
                self.x = x
            def __add__(self, other):
                return V(self.x + other.x)
            def __len__(self):
                return self.x
            def __getitem__(self, i):
                return self.x * i
            def __call__(self, y):
                return self.x + y
            def __eq__(self, other):
                return self.x == other.x
            def __iter__(self):
                return iter([1, 2])
            def __contains__(self, item):
                return item == 42
        v = V(3)
        result = ((v + V(4)).x, len(v), v[5], v(6), v == V(3), list(v), 42 in v, bool(V(0)))
    """,
    "getattr and setattr": """
        class C:
            pass
        c = C()
        for i in range(3):
            setattr(c, f'layer{i}', i * i)
        result = ([getattr(c, f'layer{i}') for i in range(3)], getattr(c, 'none', 'default'))
    """,
    "dynamic attributes": """
        class C:
            def __getattr__(self, name):
                return name.upper()
        result = C().abc
    """,
    "exceptions": """
        log = []
        def f(x):
            try:
                if x == 0:
                    raise ValueError('zero')
                return {'a': 1}[x]
            except KeyError:
                log.append('key')
            except (ValueError, TypeError) as error:
                log.append(type(error).__name__)
            finally:
                log.append('finally')
            return 'after'
        result = (f(0), f('a'), f('b'), log)
    """,
    "custom exception": """
        class Bad(RuntimeError):
            pass
        try:
            raise Bad('x')
        except RuntimeError:
            result = 'caught'
    """,
    "with": """
        log = []
        class M:
            def __enter__(self):
                log.append('in')
                return 5
            def __exit__(self, *args):
                log.append('out')
        with M() as m:
            log.append(m)
        result = log
    """,
    "walrus": "if (n := len([1, 2, 3])) > 2:\n    result = n",
    "match": """
        def f(x):
            match x:
                case 0 | 1:
                    return 'small'
                case [a, b]:
                    return a + b
                case str() as s:
                    return s
                case _:
                    return 'other'
        result = (f(1), f([2, 3]), f('q'), f(9.5))
    """,
    "generators": """
        def count(n):
            for i in range(n):
                yield i
            yield from [10, 11]
        result = (list(count(2)), sum(count(3)), next(iter(count(5))))
    """,
    "sorting and extremes": """
        words = ['pear', 'fig', 'apple']
        result = (sorted(words, key=len), max(words, key=len), min(3, 1, 2), max([1, 5]), sorted([3, 1], reverse=True))
    """,
    "functional builtins": """
        result = (list(map(lambda x: x + 1, [1, 2])), list(filter(None, [0, 1, 2])), any([0, 1]), all([1, 0]),
                  list(zip([1, 2], 'ab')), list(enumerate('ab', 1)), list(reversed([1, 2])), divmod(7, 2), round(2.6))
    """,
    "functools": """
        from functools import partial, reduce
        def f(a, b, c=0):
            return (a, b, c)
        g = partial(f, 1, c=3)
        h = partial(g, b=5)
        result = (g(2), h(), reduce(lambda a, b: a * b, [1, 2, 3, 4]), g.keywords)
    """,
    "itertools": """
        import itertools
        result = (list(itertools.chain([1], [2, 3])), list(itertools.product([0, 1], 'a')),
                  list(itertools.islice(itertools.count(5), 3)), list(itertools.accumulate([1, 2, 3])),
                  list(itertools.chain.from_iterable([[1], [2]])), list(itertools.repeat(7, 2)))
    """,
    "collections": """
        from collections import OrderedDict, defaultdict, namedtuple
        P = namedtuple('P', ['x', 'y'])
        d = defaultdict(list)
        d['a'].append(1)
        p = P(1, y=2)
        result = (p.x + p.y, p[0], list(OrderedDict([('k', 1)]).items()), dict(d), len(p), p._replace(x=9).x)
    """,
    "named tuple class": """
        from typing import NamedTuple
        class Block(NamedTuple):
            width: int
            depth: int = 2
        a, b = Block(3)
        result = (a, b, Block(1, 5).depth, [x * 2 for x in Block(4)])
    """,
    "dataclass": """
        from dataclasses import dataclass, field, replace
        @dataclass
        class Config:
            width: int = 8
            sizes: list = field(default_factory=lambda: [1, 2])
            name: str = 'net'
            def __post_init__(self):
                self.total = self.width + len(self.sizes)
        @dataclass
        class Deep(Config):
            depth: int = 3
        c = Deep(width=4, depth=5)
        result = (c.total, c.sizes, c.name, c.depth, replace(c, width=1).width)
    """,
    "enum": """
        from enum import Enum, IntEnum, auto
        class Kind(Enum):
            SMALL = 'small'
            LARGE = 'large'
        class Level(IntEnum):
            ONE = 1
            TWO = 2
        result = (Kind.SMALL.value, Kind('large').name, [k.value for k in Kind], Kind.SMALL is Kind.SMALL,
                  Kind.SMALL == Kind.LARGE, Level.TWO > Level.ONE, Kind['SMALL'].value)
    """,
    "enum of strings": """
        from enum import Enum
        class Mode(str, Enum):
            NEAREST = 'nearest'
            LINEAR = 'linear'
        result = (Mode('nearest').value, Mode('linear') is Mode.LINEAR, Mode.NEAREST == 'nearest', Mode.LINEAR.upper())
    """,
    "operators as functions": """
        import operator
        result = (operator.ge(2, 1), operator.lt(2, 1), operator.eq('a', 'a'), operator.ne(1, 1), operator.le(1, 1))
    """,
    "setattr by hand": """
        class Box:
            pass
        box = Box()
        box.__setattr__('a', 3)
        result = box.a
    """,
    "math": "import math\nresult = (math.sqrt(16), math.ceil(2.1), math.log2(8), math.prod([2, 3]), math.pi > 3)",
    "make divisible": """
        def make_divisible(v, divisor, min_value=None):
            if min_value is None:
                min_value = divisor
            new = max(min_value, int(v + divisor / 2) // divisor * divisor)
            if new < 0.9 * v:
                new += divisor
            return new
        result = [make_divisible(c * 0.75, 8) for c in (16, 24, 33, 96)]
    """,
    "copy": """
        import copy
        a = {'x': [1, 2]}
        b, c = copy.copy(a), copy.deepcopy(a)
        a['x'].append(3)
        result = (b, c)
    """,
    "argparse": """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument('--learning-rate', '-l', type=float, default=0.1)
        parser.add_argument('--deep', action='store_true')
        group = parser.add_argument_group('x')
        group.add_argument('--name', default='net')
        args = parser.parse_args([])
        result = (args.learning_rate, args.deep, args.name)
    """,
    "signature": """
        import inspect
        def f(a, b=2, *, c=3):
            return 0
        ps = inspect.signature(f).parameters
        result = ([n for n, p in ps.items() if p.kind == p.KEYWORD_ONLY], ps['b'].default)
    """,
    "classes as values": """
        class A:
            n = 1
        class B:
            n = 2
        table = {'a': A, 'b': B}
        result = [cls().n for cls in table.values()] + [issubclass(A, B), issubclass(A, object)]
    """,
    "subclass of list": "class L(list):\n    pass\nx = L([1, 2])\nresult = (len(x), [i for i in x], isinstance(x, list))",
    "init subclass": """
        seen = []
        class Base:
            def __init_subclass__(cls, **kwargs):
                seen.append(cls.__name__)
        class One(Base):
            pass
        class Two(Base):
            pass
        result = seen
    """,
    "class body sees earlier names": "class C:\n    a = [1, 2]\n    b = len(a)\nresult = C.b",
    "conditional import": "try:\n    import math as m\nexcept ImportError:\n    m = None\nresult = m.floor(2.5)",
    "delete": "d = {'a': 1, 'b': 2}\ndel d['a']\nx = [1, 2, 3]\ndel x[0]\nresult = (d, x)",
    "star assignment in loop": "result = []\nfor a, *b in [(1, 2, 3), (4, 5)]:\n    result.append((a, b))",
    "nested functions and lambdas": "result = (lambda f: f(f, 5))(lambda f, n: 1 if n == 0 else n * f(f, n - 1))",
    "lambda defaults": "result = [f() for f in [lambda i=i: i for i in range(3)]]",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_agrees_with_python(name: str, variables: Callable[[str], dict[str, Any]]) -> None:
    program = textwrap.dedent(PROGRAMS[name])
    expected: dict[str, Any] = {"__name__": __name__}
    exec(compile(program, "program", "exec"), expected)
    assert variables(program)["result"] == expected["result"]


def test_arguments_spread_from_something_unknown_may_be_any(variables: Callable[[str], dict[str, Any]]) -> None:
    text = "def f(a, b, c=3):\n    return [a, b, c]\nfirst = f(*elsewhere)\nsecond = f(1, **elsewhere)\n"
    found = variables(text)
    assert [isinstance(value, Unknown) for value in found["first"]] == [True, True, False]
    assert [isinstance(value, Unknown) for value in found["second"]] == [False, True, False]


@pytest.mark.parametrize(
    "made", ["[s.strip() for s in lines]", "{s for s in lines}", "{s: 1 for s in lines}", "list(lines)"]
)
def test_the_length_of_what_is_collected_from_something_unknown_is_not_known(
    made: str, variables: Callable[[str], dict[str, Any]]
) -> None:
    assert isinstance(variables(f"from elsewhere import lines\nresult = len({made})")["result"], Unknown)
