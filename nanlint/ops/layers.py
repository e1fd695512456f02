"""Layers with weights, normalisation, pooling, dropout, and products of matrices."""

from __future__ import annotations

from nanlint.ops.define import op
from nanlint.ops.op import Op
from nanlint.ops.reductions import layer, mean_like, mixture, mixture_of_all, with_initial
from nanlint.ops.shapes import nothing, padded, same, with_zero

WEIGHTED = "input weight bias"
CONVOLUTION = "in_channels out_channels kernel_size stride padding"


def convolution(dimensions: int) -> tuple[Op, Op]:
    return (
        op(f"conv{dimensions}d", "TF", layer("input", "weight"), WEIGHTED,
           nn=f"Conv{dimensions}d LazyConv{dimensions}d",
           constructor=CONVOLUTION),
        op(f"conv_transpose{dimensions}d", "TF", layer("input", "weight"), WEIGHTED,
           nn=f"ConvTranspose{dimensions}d LazyConvTranspose{dimensions}d", constructor=CONVOLUTION),
    )  # fmt: skip


def pooling(dimensions: int) -> tuple[Op, ...]:
    end = f"_pool{dimensions}d"
    size = "kernel_size stride padding"
    return (
        op("max" + end, "F", same, "input " + size, nn=f"MaxPool{dimensions}d", constructor=size, complex="raises"),
        op("avg" + end, "F", mean_like, "input " + size, nn=f"AvgPool{dimensions}d", constructor=size,
           complex="raises"),
        op("adaptive_max" + end, "F", same, "input output_size", nn=f"AdaptiveMaxPool{dimensions}d",
           constructor="output_size", complex="raises"),
        op("adaptive_avg" + end, "F", mean_like, "input output_size", nn=f"AdaptiveAvgPool{dimensions}d",
           constructor="output_size"),
        op("lp" + end, "F", layer("input"), "input norm_type kernel_size", nn=f"LPPool{dimensions}d",
           constructor="norm_type kernel_size stride", complex="raises"),
    )  # fmt: skip


OPS: tuple[Op, ...] = (
    op("linear", "F", layer("input", "weight", "bias"), WEIGHTED, nn="Linear LazyLinear",
       constructor="in_features out_features bias"),
    op("bilinear", "F", layer("input1", "input2"), "input1 input2 weight bias", nn="Bilinear",
       constructor="in1_features in2_features out_features"),
    *convolution(1), *convolution(2), *convolution(3),
    *pooling(1), *pooling(2), *pooling(3),
    op("batch_norm", "F", layer("input"), "input running_mean running_var weight bias training momentum eps",
       nn="BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d",
       constructor="num_features eps momentum", complex="raises"),
    op("instance_norm", "F", layer("input"), "input", nn="InstanceNorm1d InstanceNorm2d InstanceNorm3d",
       constructor="num_features eps momentum", complex="raises"),
    op("layer_norm", "F", layer("input"), "input normalized_shape weight bias eps", nn="LayerNorm",
       constructor="normalized_shape eps elementwise_affine bias", complex="raises"),
    op("group_norm", "F", layer("input"), "input num_groups weight bias eps", nn="GroupNorm",
       constructor="num_groups num_channels eps affine", complex="raises"),
    op("rms_norm", "F", layer("input"), "input normalized_shape weight eps", nn="RMSNorm",
       constructor="normalized_shape eps", complex="mangles"),
    op("weight_norm", "", nothing, "input g dim", also="T._weight_norm", complex="raises"),
    op("local_response_norm", "F", layer("input"), "input size alpha beta k", nn="LocalResponseNorm CrossMapLRN2d",
       constructor="size alpha beta k", complex="raises"),
    op("dropout", "TFJ", layer("input"), "input p training", nn="Dropout", constructor="p inplace",
       complex="raises", random=True),
    op("dropout1d", "F", layer("input"), "input p training", nn="Dropout1d Dropout2d Dropout3d",
       also="F.dropout2d F.dropout3d T.feature_dropout", constructor="p inplace", complex="raises", random=True),
    op("alpha_dropout", "TFJ", layer("input"), "input p training", nn="AlphaDropout FeatureAlphaDropout",
       also="F.feature_alpha_dropout", constructor="p inplace", complex="raises", random=True),
    op("embedding", "F", layer("weight"), "indices weight", nn="Embedding",
       constructor="num_embeddings embedding_dim padding_idx max_norm"),
    op("embedding_bag", "F", layer("weight"), "indices weight offsets", nn="EmbeddingBag",
       constructor="num_embeddings embedding_dim max_norm"),
    op("rnn", "", layer("input"), "input hx", nn="LSTM GRU RNN", constructor="input_size hidden_size num_layers",
       returns="tuple"),
    op("rnn_cell", "", layer("input"), "input hx", nn="GRUCell RNNCell", constructor="input_size hidden_size"),
    op("lstm_cell", "", layer("input"), "input hx", nn="LSTMCell", constructor="input_size hidden_size",
       returns="tuple"),
    op("multi_head_attention", "", layer("query", "key", "value"),
       "query key value key_padding_mask need_weights attn_mask", nn="MultiheadAttention",
       constructor="embed_dim num_heads dropout", returns="tuple", complex="raises"),
    op("scaled_dot_product_attention", "F", layer("query", "key", "value"), "query key value attn_mask",
       complex="raises"),
    op("transformer", "", layer("input"), "input tgt",
       nn="Transformer TransformerEncoder TransformerEncoderLayer TransformerDecoder TransformerDecoderLayer",
       complex="raises"),
    op("interpolate", "F", layer("input"), "input size scale_factor mode", also="F.upsample", complex="raises",
       nn="Upsample UpsamplingNearest2d UpsamplingBilinear2d", constructor="size scale_factor mode"),
    op("grid_sample", "F", layer("input"), "input grid mode", complex="raises"),
    op("unfold_patches", "", with_zero, "input kernel_size", also="F.unfold", nn="Unfold", constructor="kernel_size"),
    op("zero_pad", "", with_zero, nn="ZeroPad1d ZeroPad2d ZeroPad3d", constructor="padding"),
    op("reflect_pad", "", same, constructor="padding",
       nn="ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d"),
    op("matmul", "TMN", mixture("input", "other"), "input other", also="L.matmul", dtype="promote"),
    op("mm", "TM", mixture("input", "other"), "input other"),
    op("bmm", "TM", mixture("input", "other"), "input other"),
    op("mv", "TM", mixture("input", "other"), "input other"),
    op("dot", "TMN", mixture("input", "other"), "input other", aliases="inner", also="T.vdot M.vdot L.vecdot"),
    op("outer", "TMN", mixture("input", "other"), "input other", also="T.ger M.ger"),
    op("einsum", "TN", mixture_of_all, "equation input other third fourth", dtype="promote"),
    op("addmm", "TMI", with_initial(mixture("mat1", "mat2"), "input"), "input mat1 mat2"),
    op("addmv", "TMI", with_initial(mixture("mat1", "mat2"), "input"), "input mat1 mat2"),
    op("addbmm", "TMI", with_initial(mixture("mat1", "mat2"), "input"), "input mat1 mat2"),
    op("baddbmm", "TMI", with_initial(mixture("mat1", "mat2"), "input"), "input mat1 mat2"),
    op("addr", "TMI", with_initial(mixture("vec1", "vec2"), "input"), "input vec1 vec2"),
    op("max_unpool1d", "F", with_zero, "input indices kernel_size", also="F.max_unpool2d F.max_unpool3d",
       nn="MaxUnpool1d MaxUnpool2d MaxUnpool3d", constructor="kernel_size stride padding", complex="raises"),
    op("fractional_max_pool2d", "F", same, "input kernel_size", also="F.fractional_max_pool3d", complex="raises",
       nn="FractionalMaxPool2d FractionalMaxPool3d", constructor="kernel_size output_size", random=True),
    op("constant_pad", "", padded, nn="ConstantPad1d ConstantPad2d ConstantPad3d", constructor="padding value"),
    op("circular_pad", "", same, nn="CircularPad1d CircularPad2d CircularPad3d", constructor="padding"),
    op("fold", "F", layer("input"), "input output_size kernel_size", nn="Fold", constructor="output_size kernel_size"),
    op("upsample_nearest", "F", same, "input size", also="F.upsample_bilinear", complex="raises"),
    op("adaptive_log_softmax", "", nothing, nn="AdaptiveLogSoftmaxWithLoss", returns="tuple", complex="raises",
       constructor="in_features n_classes cutoffs"),
)  # fmt: skip
