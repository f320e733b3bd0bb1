"""Processor time: seconds since boot, of all cores by mode, and of each core."""

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
CORES = 512


def collect(host):
    times = host.psutil.cpu_times()
    for mode in MODES:
        yield "cpu_seconds_total", {"mode": mode}, getattr(times, mode, None)
    for core, times in enumerate(host.psutil.cpu_times(percpu=True)[:CORES]):
        spent = [getattr(times, mode, 0.0) for mode in MODES]
        label = {"core": str(core)}
        total = sum(spent)
        yield "cpu_core_seconds_total", label, round(total, 2)
        yield "cpu_core_busy_seconds_total", label, round(total - spent[3] - spent[4], 2)
