"""Expressions over tensors, as torch itself and gradlint evaluate them; several to a line, between semicolons."""

from __future__ import annotations

PRELUDE = """
import math
import torch
import torch.nn.functional as F
from torch import nn

v = torch.rand(5)
w = torch.rand(5)
m = torch.rand(3, 5)
n = torch.rand(5, 4)
s = torch.rand(4, 4)
x = torch.rand(2, 3, 4)
y = torch.rand(2, 4, 5)
z = torch.rand(2, 6, 8)
image = torch.rand(2, 8, 12, 10)
line = torch.rand(2, 8, 12)
volume = torch.rand(2, 4, 6, 6, 6)
scalar = torch.rand(())
ids = torch.randint(0, 2, (2, 3))
places = torch.randint(0, 3, (2, 3, 4))
mask = torch.rand(2, 3, 4) > 0.5
one = torch.rand(1, 3, 1)
P = nn.Parameter(torch.rand(4, 5))
Q = nn.Parameter(torch.rand(5))
K = nn.Parameter(torch.rand(6, 8, 3, 3))
KL = nn.Parameter(torch.rand(6, 8, 3))
KV = nn.Parameter(torch.rand(6, 4, 3, 3, 3))
KT = nn.Parameter(torch.rand(8, 6, 3, 3))
B = nn.Parameter(torch.rand(6))
"""


def _expressions(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n", " ").split(";") if part.strip()]


ELEMENTWISE = _expressions("""
    torch.abs(x); x.abs(); torch.absolute(x); x.absolute(); torch.arctan(x); x.arctan(); torch.atan(x); x.atan();
    torch.cos(x); x.cos(); torch.cosh(x); x.cosh(); torch.erf(x); x.erf(); torch.exp(x); x.exp(); torch.expm1(x);
    x.expm1(); torch.log(x); x.log(); torch.log1p(x); x.log1p(); torch.reciprocal(x); x.reciprocal();
    torch.rsqrt(x); x.rsqrt(); torch.sigmoid(x); x.sigmoid(); torch.sin(x); x.sin(); torch.sinh(x); x.sinh();
    torch.sqrt(x); x.sqrt(); torch.square(x); x.square(); torch.tanh(x); x.tanh(); torch.sign(x); x.sign();
    torch.sgn(x); x.sgn(); torch.round(x); x.round(); torch.floor(x); x.floor(); torch.ceil(x); x.ceil();
    torch.trunc(x); x.trunc(); torch.fix(x); x.fix(); torch.isnan(x); x.isnan(); torch.isinf(x); x.isinf();
    torch.isfinite(x); x.isfinite(); torch.isposinf(x); x.isposinf(); torch.isneginf(x); x.isneginf();
    torch.isreal(x); x.isreal(); torch.signbit(x); x.signbit(); torch.logical_not(x); x.logical_not();
    torch.acos(x); x.acos(); torch.arccos(x); x.arccos(); torch.acosh(x); x.acosh(); torch.asin(x); x.asin();
    torch.arcsin(x); x.arcsin(); torch.asinh(x); x.asinh(); torch.atanh(x); x.atanh(); torch.tan(x); x.tan();
    torch.erfinv(x); x.erfinv(); torch.digamma(x); x.digamma(); torch.lgamma(x); x.lgamma(); torch.frac(x);
    x.frac(); torch.sinc(x); x.sinc(); torch.i0(x); x.i0(); torch.angle(x); x.angle(); torch.neg(x); x.neg();
    torch.negative(x); x.negative(); torch.positive(x); x.positive(); torch.deg2rad(x); x.deg2rad();
    torch.rad2deg(x); x.rad2deg(); torch.exp2(x); x.exp2(); torch.log2(x); x.log2(); torch.log10(x); x.log10();
    torch.erfc(x); x.erfc(); torch.logit(x); x.logit(); torch.relu(x); x.relu(); torch.selu(x); torch.celu(x);
    torch.hardshrink(x); x.hardshrink(); torch.nan_to_num(x); x.nan_to_num(); torch.clone(x); x.clone();
    torch.detach(x); x.detach(); torch.flatten(x); x.flatten(); torch.ravel(x); x.ravel(); torch.sum(x); x.sum();
    torch.mean(x); x.mean(); torch.nansum(x); x.nansum(); torch.nanmean(x); x.nanmean(); torch.max(x); x.max();
    torch.min(x); x.min(); torch.amax(x); x.amax(); torch.amin(x); x.amin(); torch.argmax(x); x.argmax();
    torch.argmin(x); x.argmin(); torch.median(x); x.median(); torch.std(x); x.std(); torch.var(x); x.var();
    torch.prod(x); x.prod(); torch.norm(x); x.norm(); torch.all(x); x.all(); torch.any(x); x.any();
    torch.count_nonzero(x); x.count_nonzero(); torch.cumsum(x, 0); x.cumsum(0); torch.sort(x, 1); x.sort(1);
    torch.argsort(x); x.argsort(); torch.unsqueeze(x, 0); x.unsqueeze(0); torch.squeeze(x); x.squeeze(); torch.t(m);
    m.t(); torch.numel(x); x.numel(); torch.logsumexp(x, 1); x.logsumexp(1); torch.msort(x); x.msort(); x + 1;
    1 + x; x - 2.5; 2 - x; x * 3; 3.0 * x; x / 2; 1 / x; x // 2; x % 2; x ** 2; x ** 0.5; x ** 3; 2 ** x; x ** x;
    -x; +x; ~mask; x + one; one * x; x / one; x - one; ids + 1; ids * 2.0; ids / 2; ids // 2; ids % 2; ids ** 2;
    mask & mask; mask | mask; mask ^ mask; ids == 1; x > 0.5; x >= one; x != x; x < 1; 0.5 < x; x @ y; v @ w; m @ n;
    m @ v; x @ torch.rand(4); P.t() @ s; torch.add(x, one); torch.add(x, one, alpha=2); x.add(1);
    x.sub(one, alpha=0.5); torch.sub(x, 1); torch.rsub(x, 1); torch.mul(x, one); torch.div(x, one);
    torch.div(x, 2, rounding_mode='floor'); x.true_divide(2); torch.pow(x, 2); torch.pow(2, x); x.pow(0.5);
    torch.eq(x, one); x.gt(0); x.lt(one); torch.logical_and(mask, mask); mask.logical_or(mask);
    torch.remainder(x, 2); torch.fmod(x, one); torch.atan2(x, one); torch.maximum(x, one); torch.minimum(x, one);
    torch.clamp(x, 0, 1); x.clamp(min=0); x.clamp_min(0.2); x.clip(max=1); torch.clamp(x, one, one);
    torch.where(mask, x, one); torch.where(mask, x, 0.0); torch.where(x > 0, 1.0, 0.0); torch.lerp(x, one, 0.3);
    torch.lerp(x, x, x); torch.addcmul(x, one, one, value=2); torch.addcdiv(x, one, one); torch.hypot(x, one);
    torch.logaddexp(x, one); torch.xlogy(x, one); torch.special.expit(x); torch.special.erf(x);
    torch.special.logit(x); torch.special.i1(x); torch.isclose(x, x); x.float(); x.double(); x.half(); x.long();
    x.int(); x.bool(); x.to(torch.float16); x.to('cpu'); x.to('cpu', torch.int64); x.to(ids); x.type_as(ids);
    ids.float(); ids.type(torch.float64); x.cpu(); x.type(torch.DoubleTensor); torch.bitwise_and(ids, ids);
    ids << 1; scalar * x; x * scalar; ids * scalar; torch.sum(x, 1); x.sum((0, 1)); x.sum(-1, keepdim=True);
    x.sum(dim=(1, 2), keepdim=True); ids.sum(); mask.sum(); ids.float().mean(0); x.mean(axis=1);
    x.mean((1, 2), keepdims=True); x.sum(axis=0, keepdim=True); x.std(0); x.std(dim=1, keepdim=True);
    torch.std(x, 1, unbiased=False); x.var(-1, correction=0); x.var(dim=(1, 2)); torch.var_mean(x, 1);
    torch.std_mean(x, dim=1, keepdim=True); x.max(1); x.max(1)[0]; x.max(1).values;
    torch.max(x, dim=-1, keepdim=True); torch.max(x, one); torch.min(x, 1).indices; x.amax((0, 2));
    x.amin(1, keepdim=True); torch.aminmax(x, dim=1); x.median(1); x.mode(1); x.kthvalue(2, 1); x.quantile(0.5, 1);
    x.norm(dim=1); x.norm(2, 1, True); x.norm(p=1); torch.norm(x, p=float('inf'), dim=-1); torch.linalg.norm(m);
    torch.linalg.vector_norm(x, dim=1, keepdim=True); torch.linalg.matrix_norm(x); x.argmax(1); x.argmin(-1, True);
    x.all(1); x.any(dim=0); x.sort(1); x.sort(descending=True)[1]; x.argsort(1); x.topk(2); x.topk(2, dim=1);
    torch.topk(x, k=1, dim=1)[0]; x.cumsum(1); ids.cumsum(0); x.cumprod(-1); x.cummax(1); x.logcumsumexp(1);
    x.prod(1); x.logsumexp((1, 2)); torch.cdist(x, torch.rand(2, 7, 4)); F.pairwise_distance(m, m);
    torch.dist(x, x); F.cosine_similarity(m, m); torch.cosine_similarity(x, x, dim=-1); s.trace();
    torch.isin(ids, ids); torch.bucketize(x, v); x.softmax(-1); torch.softmax(x, dim=1); F.log_softmax(x, -1)
""")

ACTIVATIONS = _expressions("""
    F.relu(x); F.relu(x, inplace=False); F.relu6(x); F.leaky_relu(x, 0.2); F.elu(x, alpha=0.5); F.selu(x);
    F.celu(x); F.silu(x); F.mish(x); F.softsign(x); F.hardtanh(x, -2.0, 2.0); F.hardsigmoid(x); F.hardswish(x);
    F.hardshrink(x); F.softshrink(x); F.tanhshrink(x); F.logsigmoid(x); F.softplus(x, beta=2);
    F.threshold(x, 0.1, 0.0); F.gelu(x, approximate='tanh'); F.rrelu(x); F.softmax(x, dim=-1); F.softmin(x, dim=1);
    F.gumbel_softmax(x, tau=0.5, hard=True); F.glu(x); F.sigmoid(x); F.tanh(x); F.normalize(x, dim=-1);
    F.dropout(x, 0.3); F.dropout(x, p=0.3, training=False); F.alpha_dropout(x, 0.3, True);
    F.prelu(x, nn.Parameter(torch.rand(3)))
""")

VIEWS = _expressions("""
    x.view(6, 4); x.view(-1); x.view(2, -1); x.view(x.size(0), -1); x.view((3, 8)); x.reshape(4, 6);
    torch.reshape(x, (-1, 4)); x.view_as(z[:, :3, :4]); x.reshape_as(x); torch.flatten(x, 1); x.flatten(0, 1);
    x.flatten(start_dim=-2); scalar.flatten(); x.unflatten(2, (2, 2)); x.unflatten(-1, (2, -1)); x.permute(2, 0, 1);
    x.permute((0, 2, 1)); torch.permute(x, (1, 0, 2)); x.permute(0, -1, 1); x.transpose(1, 2); x.transpose(-1, 0);
    torch.transpose(x, 0, 1); x.swapaxes(0, 1); torch.swapdims(x, 0, 2); m.T; x.mT; m.t(); x.adjoint();
    x.movedim(0, -1); torch.movedim(x, (0, 1), (1, 2)); torch.moveaxis(x, 2, 0); one.squeeze(); one.squeeze(0);
    one.squeeze(1); one.squeeze((0, 2)); x.unsqueeze(0); x.unsqueeze(-1); torch.unsqueeze(x, 2);
    torch.atleast_3d(m); torch.atleast_2d(v); torch.atleast_1d(scalar); one.expand(2, 3, 4); one.expand(-1, -1, 7);
    one.expand((5, 2, 3, 4)); v.expand(3, 5); torch.broadcast_to(one, (2, 3, 4)); one.expand_as(x);
    torch.broadcast_tensors(one, x); x.repeat(2, 1, 1); v.repeat(3, 2); x.tile((2, 2)); x.tile((2, 1, 1, 1));
    x.repeat_interleave(2, dim=1); x.repeat_interleave(3); torch.repeat_interleave(x, 2, 0); x.contiguous();
    x.size(); x.size(1); x.shape[-1]; x.dim(); x.numel(); x.ndim; len(x); x.shape.numel(); x.stride();
    torch.view_as_real(torch.view_as_complex(torch.rand(2, 2))); torch.numel(x); list(x.shape); [*x.shape];
    x.unfold(1, 2, 1); x.unfold(2, 2, 2); x.is_floating_point(); x.dtype == torch.float32; ids.dtype
""")

JOINING = _expressions("""
    torch.cat([x, x], 1); torch.cat((x, x, x)); torch.cat([x, x], dim=-1); torch.concat([x, x], axis=1);
    torch.stack([x, x]); torch.stack((x, x, x), dim=1); torch.stack([x, x], -1); torch.hstack([v, w]);
    torch.hstack([m, m]); torch.vstack([v, w]); torch.vstack((m, m)); torch.dstack([m, m]);
    torch.column_stack([v, w]); torch.column_stack([m, m]); x.split(2, 1); x.split([1, 2], dim=1);
    torch.split(x, 3, -1); x.chunk(2, dim=-1); torch.chunk(z, 3, 1); z.chunk(4, 1); z.tensor_split(4, 1);
    z.tensor_split((1, 3), dim=2); z.hsplit(2); z.vsplit(2); z.dsplit(2); x.unbind(); torch.unbind(x, 1);
    x.select(1, 0); x.narrow(2, 1, 2); torch.narrow(x, 2, -3, 2); x.index_select(1, torch.tensor([0, 2]));
    x.gather(1, places); torch.take_along_dim(x, places, dim=1); x.take(ids); x.masked_fill(mask, -1e9);
    x.masked_fill(mask[:1], 0); x.scatter(1, places, 0.0); torch.scatter_add(x, 1, places, x); x.tril(); m.triu(1);
    torch.triu(s, diagonal=1); x.flip(0); x.flip([1, 2]); torch.flip(x, dims=(0,)); m.fliplr(); x.roll(1, 0);
    torch.roll(x, shifts=(1, 1), dims=(1, 2)); m.rot90(); F.pad(x, (1, 2)); F.pad(x, [1, 1, 2, 0], value=1.0);
    F.pad(image, (1, 1, 1, 1), mode='reflect'); F.pad(x, (0, -1)); F.pixel_shuffle(image, 2);
    F.pixel_unshuffle(image, 2); F.channel_shuffle(image, 2); F.unfold(image, 3, padding=1);
    F.unfold(image, (2, 2), stride=2); F.fold(torch.rand(2, 32, 30), (12, 10), 2, stride=2); s.diagonal(); s.diag();
    v.diag(); x.diagonal(dim1=-2, dim2=-1); v.diag_embed(); torch.diag_embed(m); torch.diagflat(m);
    torch.block_diag(m, n); torch.meshgrid(v, torch.rand(3), indexing='ij');
    torch.meshgrid([v, torch.rand(3)], indexing='xy'); torch.cartesian_prod(v, w); torch.combinations(v);
    F.one_hot(ids, 5); F.one_hot(ids, num_classes=7); torch.fill(x, 1.0);
    torch.diff(x); x.diff(dim=1); torch.constant_pad_nd(x, (1, 1));
    x.as_strided((2, 2), (1, 2));
    torch.stft(torch.rand(2, 400), 64, window=torch.ones(64), return_complex=True);
    torch.stft(torch.rand(400), 64, hop_length=20, center=False, window=torch.ones(64), return_complex=True);
    torch.istft(torch.fft.rfft(torch.rand(2, 9, 64)).transpose(1, 2), 64, window=torch.ones(64));
    torch.trapezoid(x); torch.linalg.vecdot(x, x); torch.fft.rfftfreq(9); torch.fft.fftfreq(9); torch.bitwise_not(ids);
    x.cumsum(0); x.cumsum(-1); F.gumbel_softmax(m)
""")

INDEXING = _expressions("""
    x[0]; x[-1]; x[:, 1]; x[..., 0]; x[0, 1, 2]; x[:, :2]; x[:, 1:]; x[:, :-1, ::2]; x[..., None]; x[None];
    x[:, None]; x[True]; x[False]; x[0, False]; x[None, ..., None, 0]; x[:]; x[...]; x[1:1]; x[[0, 1]]; x[:, [0, 2]]; x[ids]; x[:, ids];
    x[torch.tensor([0, 1]), torch.tensor([1, 2])]; x[torch.tensor([[0], [1]]), torch.tensor([1, 2])]; x[0, :, ids];
    x[torch.tensor([0, 1]), :, torch.tensor([1, 2])]; x[:, torch.tensor([0, 1]), torch.tensor([1, 2])];
    x[torch.arange(2), 1]; x[torch.arange(2)[:, None], ids]; x[:, 0, ids]; x[ids, 0];
    x[torch.tensor([True, False])]; x[torch.tensor(1)]; x[:, torch.tensor([2])]; s[range(2)]; P[ids]; P[:2];
    Q[None, :]; image[:, :, 1:-1, 2:]; image[:, 0:1]; z[:, -1]; z[:, :, -3:]; x.permute(1, 0, 2)[0]; m[1][2];
    x[:, :, None, :]
""")

PRODUCTS = _expressions("""
    torch.matmul(x, y); x.matmul(y); torch.mm(m, n); m.mm(P.t()); torch.bmm(x, y); torch.mv(m, v); torch.dot(v, w);
    torch.outer(v, w); torch.inner(m, m); torch.addmm(Q, s, P); torch.addmm(v[:4], m, n, beta=0.5);
    torch.baddbmm(torch.rand(2, 3, 5), x, y, alpha=2); torch.addmv(torch.rand(3), m, v); torch.addr(m, v[:3], w);
    torch.addbmm(m, x, y); x @ P; x @ P + Q; P @ v; P.t() @ x.transpose(1, 2); torch.einsum('bij,bjk->bik', x, y);
    torch.einsum('bij,jk->bik', x, P); torch.einsum('...j,jk->...k', x, P); torch.einsum('bij,jk', x, P);
    torch.einsum('ij,ij->i', m, m); torch.einsum('bij->bji', x); torch.einsum('bij->b', x);
    torch.einsum('i,j->ij', v, w); torch.einsum('bij,bjk->ki', x, y); torch.einsum('jk,bij->kbi', P, x);
    torch.einsum('bij,jk->bi', x, P); torch.tensordot(x, P, dims=1); torch.tensordot(x, y, dims=([0, 2], [0, 1]));
    torch.chain_matmul(m, n, s); torch.linalg.multi_dot([m, n, s]); torch.kron(m, n); F.linear(x, P.t(), Q);
    F.linear(x, torch.rand(7, 4));
    F.bilinear(torch.rand(2, 4), torch.rand(2, 5), nn.Parameter(torch.rand(3, 4, 5))); torch.linalg.inv(s);
    s.inverse(); torch.linalg.det(torch.rand(2, 3, 3)); torch.det(s); torch.linalg.pinv(m);
    torch.linalg.solve(s, torch.rand(4, 2)); torch.linalg.qr(m); torch.linalg.svdvals(m); torch.linalg.eigh(s);
    torch.linalg.slogdet(s); torch.cross(m[:, :3], m[:, :3], dim=1); torch.cov(m); torch.fft.fft(x);
    torch.fft.rfft(x); torch.fft.irfft(torch.fft.rfft(z)); torch.fft.rfft2(z); torch.fft.fft2(x, dim=(0, 1));
    torch.fft.fftshift(x); torch.real(torch.fft.fft(x)); F.pdist(m); x.mul(2) @ P
""")

LAYERS = _expressions("""
    F.conv2d(image, K); F.conv2d(image, K, B, stride=2, padding=1); F.conv2d(image, K, padding='same');
    F.conv2d(image, K[:, :4], groups=2); F.conv2d(image, K * 0.5, B);
    F.conv2d(image, torch.rand(6, 8, 3, 3), dilation=2); torch.conv1d(line, KL, B, 2);
    F.conv3d(volume, KV, padding=1); F.conv_transpose2d(image, KT, stride=2);
    F.conv_transpose2d(image, KT, B, 2, 1, 1); F.embedding(ids, P); F.embedding_bag(ids, P);
    F.embedding_bag(ids, P, mode='max'); F.batch_norm(image, torch.zeros(8), torch.ones(8));
    F.batch_norm(image, None, None, training=True); F.layer_norm(x, (4,)); F.layer_norm(x, x.shape[1:]);
    F.layer_norm(x, (4,), nn.Parameter(torch.ones(4)), nn.Parameter(torch.zeros(4)), 1e-6); F.group_norm(image, 4);
    F.instance_norm(image); F.rms_norm(x, (4,)); F.local_response_norm(image, 5); F.max_pool2d(image, 2);
    F.max_pool2d(image, 3, 2, 1); F.max_pool2d(image, kernel_size=3, stride=2, ceil_mode=True);
    F.max_pool2d(image, 2, return_indices=True); F.avg_pool2d(image, 3, stride=1, padding=1); F.avg_pool1d(line, 4);
    F.max_pool1d(line, 3, padding=1); F.avg_pool3d(volume, 2); F.lp_pool2d(image, 2, 2);
    F.adaptive_avg_pool2d(image, 1); F.adaptive_avg_pool2d(image, (3, None)); F.adaptive_max_pool1d(line, 5);
    F.adaptive_max_pool2d(image, 2, return_indices=True);
    F.max_unpool2d(*F.max_pool2d(image, 2, return_indices=True), 2); torch.max_pool2d(image, 2);
    F.interpolate(image, scale_factor=2); F.interpolate(image, size=(7, 9), mode='bilinear', align_corners=False);
    F.interpolate(line, 20); F.interpolate(volume, scale_factor=(2, 1, 0.5)); F.upsample(image, scale_factor=1.5);
    F.grid_sample(image, torch.rand(2, 5, 6, 2), align_corners=False);
    F.affine_grid(torch.rand(2, 2, 3), (2, 8, 5, 6)); F.scaled_dot_product_attention(x, x, x);
    F.scaled_dot_product_attention(x, torch.rand(2, 7, 4), torch.rand(2, 7, 6));
    F.scaled_dot_product_attention(image, image, image, is_causal=True); F.dropout2d(image, 0.5);
    F.multi_head_attention_forward(z, z, z, 8, 2, nn.Parameter(torch.rand(24, 8)), nn.Parameter(torch.rand(24)),
    None, None, False, 0.0, nn.Parameter(torch.rand(8, 8)), nn.Parameter(torch.rand(8)))
""")

CREATION = _expressions("""
    torch.zeros(2, 3); torch.zeros((2, 3)); torch.zeros([2, 3], dtype=torch.int64); torch.ones(size=(2,));
    torch.empty(2, 3); torch.full((2, 3), 1.5); torch.full((2,), 7); torch.randn(2, 3, requires_grad=True);
    torch.rand(4); torch.randint(5, (2, 3)); torch.randint(1, 5, size=(2,)); torch.randperm(6); torch.arange(5);
    torch.arange(2, 9, 3); torch.arange(0.0, 1.0, 0.25); torch.arange(0, 8, 2).float(); torch.arange(end=4);
    torch.linspace(0, 1, 5); torch.linspace(0, 1, steps=7); torch.logspace(0, 2, 3); torch.eye(3); torch.eye(3, 4);
    torch.tensor([1, 2, 3]); torch.tensor([[1.0, 2.0], [3.0, 4.0]]); torch.tensor(5); torch.tensor(2.5);
    torch.tensor([]); torch.tensor([True, False]); torch.as_tensor([1.0, 2.0]);
    torch.tensor([1, 2], dtype=torch.float32); torch.zeros_like(x); torch.ones_like(ids); torch.randn_like(x);
    torch.rand_like(x); torch.empty_like(x); torch.full_like(x, 3); torch.zeros_like(x, dtype=torch.bool);
    x.new_zeros(3, 4); x.new_ones((2,)); x.new_full((3,), 2.0); x.new_tensor([1, 2]); ids.new_zeros(2);
    torch.tril_indices(4, 4); torch.triu_indices(5, 3, 1); torch.hann_window(8); torch.normal(0.0, 1.0, (3, 4));
    torch.bernoulli(x); torch.Tensor(2, 3); torch.FloatTensor([1.0, 2.0]); torch.LongTensor([1]);
    torch.scalar_tensor(2.0); torch.empty(3, 4).normal_(0, 0.1); torch.empty(3).uniform_(-1, 1);
    torch.zeros(3).fill_(2.0); torch.ones(3, 3).triu_(1); torch.zeros(2, 3).copy_(m[:2, :3]); x.clone().zero_();
    x.clone().add_(1).mul_(2); x.clone().clamp_(0, 1); x.clone().unsqueeze_(0); torch.is_tensor(x);
    torch.finfo(torch.float32).max > 1e38; torch.finfo(x.dtype).eps < 1e-6; torch.iinfo(torch.int64).max;
    torch.Size([1, 2]); torch.is_floating_point(ids)
""")

VALUES = _expressions("""
    [v.item() for v in torch.linspace(0, 0.2, 5)]; torch.linspace(0, 1, 3).tolist(); torch.arange(4).tolist();
    (torch.arange(4) * 2 + 1).tolist(); torch.arange(6).view(2, 3).tolist(); torch.tensor([3, 1, 2]).sum().item();
    torch.tensor([1.0, 2.0]).mean().item(); torch.arange(6)[1:4].tolist(); torch.arange(5)[-1].item();
    [t.tolist() for t in torch.linspace(0, 1, 6).split([2, 4])]; torch.tensor([1, 2, 3]).max().item();
    torch.zeros(3).tolist(); torch.full((2,), 7).tolist(); torch.tensor([[1, 2], [3, 4]])[1].tolist();
    torch.tensor(3.0).item() + 1; int(torch.tensor([5])[0]); float(torch.tensor(2));
    torch.tensor([1, 2]).cumsum(0).tolist(); (torch.arange(3) / 2).tolist(); (2 ** torch.arange(3)).tolist();
    torch.arange(3).float().tolist(); torch.cat([torch.arange(2), torch.arange(3)]).tolist();
    bool(torch.tensor(3) > 2); torch.tensor(7).sqrt().item() > 2; torch.tensor([2, 3]).prod().item();
    math.sqrt(torch.tensor(4.0).item()); torch.flip(torch.arange(3), [0]).tolist();
    round(torch.log(torch.tensor(10.0)).item(), 3);
    torch.diff(torch.tensor([1, 4, 9])).int().tolist();
    (torch.round(torch.arange(4) * 1.4) * 8).int().tolist(); torch.pow(2.5, torch.arange(3)).tolist();
    torch.arange(3).flip(0)[0].item()
""")
