"""The functions of torch by theme, as tables that `functional`, `tensor_methods` and `creation` put together."""
