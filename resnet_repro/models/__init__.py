"""Plain and residual nets: x' = f(h(x) + F(x))."""
