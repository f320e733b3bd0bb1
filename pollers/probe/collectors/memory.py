"""Memory and swap in bytes; pages swapped in and out since boot, in bytes."""


def collect(host):
    memory = host.psutil.virtual_memory()
    for field in ("total", "available", "used", "free", "buffers", "cached"):
        yield "memory_%s_bytes" % field, {}, getattr(memory, field, None)
    swap = host.psutil.swap_memory()
    yield "swap_total_bytes", {}, swap.total
    yield "swap_used_bytes", {}, swap.used
    yield "swap_in_bytes_total", {}, swap.sin
    yield "swap_out_bytes_total", {}, swap.sout
