"""Memory and swap in bytes; pages swapped in and out since boot, in bytes."""


def collect(host):
    memory = host.psutil.virtual_memory()
    for field in ("total", "available", "free", "buffers", "cached"):
        yield "memory_%s_bytes" % field, {}, getattr(memory, field, None)
    # Not psutil's field: before release 7 it left caches out in another way.
    yield "memory_used_bytes", {}, memory.total - memory.available
    swap = host.psutil.swap_memory()
    yield "swap_total_bytes", {}, swap.total
    yield "swap_used_bytes", {}, swap.used
    yield "swap_in_bytes_total", {}, swap.sin
    yield "swap_out_bytes_total", {}, swap.sout
