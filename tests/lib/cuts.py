"""A sync that is cut after so many bytes, with real daemons, and what the cut costs."""
from federation import Federation, caught_up
from hopnhat_test import check, wait_until
from proxy import Proxy
from thin import write

SYNC_S = 120


def one_sync(proxy, agent, changes, seed, cut_at):
    """The agent saves changes while it has no link; then they travel, cut once after so many bytes (None:
    not). Bytes of both ways that the proxy handed on until all was there, and how many links it took."""
    proxy.cut(refuse=True)
    write(agent, changes, seed)
    proxy.mend()
    proxy.cut_after(cut_at)
    before, links = proxy.total(), proxy.connections
    agent.do("sync", "--wait", "--timeout", str(SYNC_S), deadline_s=SYNC_S + 10)
    wait_until(lambda: caught_up(agent), SYNC_S, f"{agent.name} is caught up")
    proxy.cut_after(None)
    return proxy.total() - before, proxy.connections - links


def sent_again(bench, points, changes, rate):
    """Cuts as many syncs of so many changes, each at another point, at that rate (bytes a second): for each
    point the bytes that travelled more than without a cut, less what a new link and Hello cost."""
    world = Federation(bench)
    world.add_office("hue")
    proxy = bench.closing(Proxy(bench.free_port(), world.port))
    agent = world.join("hue", address=f"tcp://127.0.0.1:{proxy.port}")
    proxy.rate = rate
    one_sync(proxy, agent, 1, 0, None)
    greeting, _ = one_sync(proxy, agent, 1, 1, None)
    whole = 0
    for seed in (2, 3):  # the first finds out how fast the link is
        whole, links = one_sync(proxy, agent, changes, seed, None)
        check(links == 1, f"without a cut it takes one link, not {links}")
    again = []
    for i in range(points):
        taken, links = one_sync(proxy, agent, changes, 4 + i, whole * (i + 1) // (points + 1))
        if links > 1:  # else it was done with less than that
            again.append(max(0, taken - whole - (links - 1) * greeting))
    check(len(again) >= points * 3 / 4, f"{len(again)} of {points} syncs were cut")
    return again


__all__ = ["sent_again"]
