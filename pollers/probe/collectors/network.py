"""Traffic of network interfaces since boot, without those that come and go by themselves."""

PASSING = ("veth", "docker", "br-", "cali", "cilium", "lxc", "flannel", "cni", "vnet", "tap", "virbr", "fwpr", "fwln", "fwbr", "podman", "ifb", "dummy", "nodelocaldns", "kube-")  # fmt: skip
LIMIT = 64


def collect(host):
    counters = host.psutil.net_io_counters(pernic=True, nowrap=False) or {}
    names = sorted(name for name in counters if name != "lo" and not name.startswith(PASSING))
    for name in names[:LIMIT]:
        label, nic = {"interface": host.text(name)}, counters[name]
        for way, short, received in (("receive", "in", "recv"), ("transmit", "out", "sent")):
            yield "network_%s_bytes_total" % way, label, getattr(nic, "bytes_" + received)
            yield "network_%s_packets_total" % way, label, getattr(nic, "packets_" + received)
            yield "network_%s_errors_total" % way, label, getattr(nic, "err" + short)
            yield "network_%s_drops_total" % way, label, getattr(nic, "drop" + short)
    if len(names) > LIMIT:
        raise ValueError("%d interfaces, only %d are reported" % (len(names), LIMIT))
