"""The HTTP routes, one module a noun; they translate between the wire and the domain and decide nothing."""
