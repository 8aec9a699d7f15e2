"""What is done with the twins: each case gives something to be sent."""

from datetime import datetime, timedelta, timezone

from celery import chain, chord, chunks, group
from celery.canvas import StampingVisitor

from tasks import (
    add, adds_late, adds_to_chord, autoretries, autoretries_but_keys, backs_off, catches_soft_limit, exhausts, fail,
    fail_as_expected, fail_unpickleable, fails_late, fails_late_unacknowledged, forgets, forgets_all_but_errors,
    gives_what_is_not_json, ignores, new_errback, old_errback, passes_soft_limit, rejects, rejects_once, replaced,
    replaced_by_chain, replaced_by_chord, replaced_by_failure, replaced_by_group, replaced_often, retries,
    retries_and_sees, retries_as_told, retries_with_others, retries_within_except, same, seen, sends, sends_a_chord,
    sends_a_group, slowly, stores_and_rejects, total, tracked, untyped, updates,
)


class Visitor(StampingVisitor):
    def on_signature(self, sig, **headers):
        return {"tenant": "a", "stamped_headers": ["tenant"]}


def stamped(signature):
    signature.stamp(visitor=Visitor())
    return signature


def linked(signature, **callbacks):
    return signature.set(**callbacks)


def with_errback(signature, *errbacks):
    for errback in errbacks:
        signature.link_error(errback)
    return signature


PLAIN = {
    "returns": lambda: add.s(1, 2),
    "returns by keyword": lambda: add.s(x=1, y=2),
    "raises": lambda: fail.s(),
    "raises what it may": lambda: fail_as_expected.s("k"),
    "raises what cannot be pickled": lambda: fail_unpickleable.s(False),
    "raises what cannot be pickled but its base": lambda: fail_unpickleable.s(True),
    "wrong arguments": lambda: untyped.s(1, 2),
    "sees its request": lambda: seen.s(1).set(headers={"tenant": "a"}, priority=3, time_limit=30, soft_time_limit=20),
    "shadow": lambda: add.s(1, 2).set(shadow="shadowed"),
    "not JSON": lambda: gives_what_is_not_json.s(),
    "updates its state": lambda: updates.s(),
    "tracked": lambda: tracked.s(1),
    "ignored result": lambda: forgets.s(1),
    "result ignored by the message": lambda: add.s(1, 2).set(ignore_result=True),
    "result wanted by the message": lambda: forgets.s(1).set(ignore_result=False),
    "ignored but its error": lambda: forgets_all_but_errors.s(),
    "expired": lambda: add.s(1, 2).set(expires=-5),
    "countdown": lambda: add.s(1, 2).set(countdown=0.2),
    "soft limit caught": lambda: catches_soft_limit.s(),
    "soft limit passed": lambda: passes_soft_limit.s(),
}

RETRIES = {
    "retries": lambda: retries.s(2),
    "retries by itself": lambda: autoretries.s(2),
    "retries by itself too often": lambda: autoretries.s(5),
    "retries by itself, all but one kind": lambda: autoretries_but_keys.s("other"),
    "does not retry by itself for one kind": lambda: autoretries_but_keys.s("key"),
    "backs off": lambda: backs_off.s(),
    "exhausts its retries with a cause": lambda: exhausts.s(True),
    "exhausts its retries without a cause": lambda: exhausts.s(False),
    "retries within an except": lambda: retries_within_except.s(),
    "retries with other arguments": lambda: retries_with_others.s(1),
    "retries as one call is told": lambda: group(retries_as_told.s(0), retries_as_told.s(1), retries_as_told.s(2)),
    "a retry keeps headers, priority and limits": lambda: retries_and_sees.s(1).set(
        headers={"tenant": "a"}, priority=3, time_limit=30, soft_time_limit=20, expires=300
    ),
    "a retry keeps links": lambda: retries_and_sees.s(1).set(link=same.s(), link_error=old_errback.s()),
    "a retry keeps its group": lambda: group(retries_and_sees.s(1), retries_and_sees.s(1)),
    "a retry ignores its result": lambda: retries.s(1).set(ignore_result=True),
    "retries in a chain": lambda: chain(retries.s(1, 5), add.s(1), retries_with_others.s()),
    "retries in a header": lambda: chord([retries.s(1, 5), add.s(1, 1), retries.s(2, 7)], total.s()),
    "retries in a body": lambda: chord([add.s(1, 1), add.s(2, 2)], retries.si(1, 5)),
    "exhausts in a chain": lambda: with_errback(chain(exhausts.s(True), add.s(1)), old_errback.s()),
    "exhausts in a header": lambda: chord([exhausts.s(True), add.s(1, 1)], with_errback(total.s(), old_errback.s())),
}

ENDS = {
    "ignores": lambda: ignores.s(),
    "rejects": lambda: rejects.s(),
    "rejects in a chain": lambda: chain(rejects.s(), add.s(1)),
    "rejects with an error link": lambda: with_errback(rejects.s(), old_errback.s()),
    "rejects once": lambda: rejects_once.s(),
    "comes again after it succeeded": lambda: stores_and_rejects.s(),
    "comes again in a chain": lambda: chain(stores_and_rejects.s(), add.s(1)),
    "comes again with links": lambda: stores_and_rejects.s().set(link=[same.s(), add.s(1)]),
    "acknowledged late": lambda: adds_late.s(1, 2),
    "fails late": lambda: fails_late.s(),
    "fails late, unacknowledged": lambda: fails_late_unacknowledged.s(),
}

REPLACES = {
    "replaced": lambda: replaced.s(1),
    "replaced by a chain": lambda: replaced_by_chain.s(1),
    "replaced by a group": lambda: replaced_by_group.s(),
    "replaced by a chord": lambda: replaced_by_chord.s(),
    "replaced again and again": lambda: replaced_often.s(3),
    "replaced by what fails": lambda: with_errback(replaced_by_failure.s(), old_errback.s()),
    "replaced in a chain": lambda: chain(add.s(1, 1), replaced.s(), add.s(3)),
    "replaced by a chain in a chain": lambda: chain(add.s(1, 1), replaced_by_chain.s(), add.s(3)),
    "replaced by a group in a chain": lambda: chain(add.s(1, 1), replaced_by_group.s(), total.s()),
    "replaced in a group": lambda: group(replaced.s(1), replaced_by_chain.s(2)),
    "replaced in a header": lambda: chord([replaced.s(1), add.s(1, 1), replaced_by_chain.s(2)], total.s()),
    "replaced body": lambda: chord([add.s(1, 1), add.s(2, 2)], chain(total.s(), replaced.s())),
    "replaced with links": lambda: replaced.s(1).set(link=same.s()),
    "adds to its chord": lambda: chord([adds_to_chord.s([-1]), add.s(1, 1)], total.s()),
}

CANVAS = {
    "chain": lambda: chain(add.s(1, 1), add.s(2), add.s(3)),
    "chain of one": lambda: chain(add.s(1, 1)),
    "chain with an immutable step": lambda: chain(add.s(1, 1), add.si(2, 2), add.s(3)),
    "chain of chains": lambda: chain(chain(add.s(1, 1), add.s(2)), chain(add.s(3), add.s(4))),
    "group": lambda: group(add.s(1, 1), add.s(2, 2), slowly.s(3)),
    "group of groups": lambda: group(group(add.s(1, 1), add.s(2, 2)), add.s(3, 3)),
    "group of chains": lambda: group(chain(add.s(1, 1), add.s(1)), chain(add.s(2, 2), add.s(2))),
    "chord": lambda: chord([add.s(1, 1), slowly.s(2), add.s(2, 2)], total.s()),
    "chord of one": lambda: chord([add.s(1, 1)], total.s()),
    "chord with a chain as body": lambda: chord([add.s(1, 1), add.s(2, 2)], chain(total.s(), add.s(5))),
    "chord with a group as body": lambda: chord([add.s(1, 1), add.s(2, 2)], group(total.s(), same.s())),
    "chord of chains": lambda: chord([chain(add.s(1, 1), add.s(1)), chain(add.s(2, 2), add.s(2))], total.s()),
    "chord of a chord": lambda: chord([chord([add.s(1, 1), add.s(2, 2)], total.s()), add.s(4, 4)], total.s()),
    "chord of groups": lambda: chord([group(add.s(1, 1), add.s(2, 2)), add.s(3, 3)], same.s()),
    "chord without a header": lambda: chord([], same.s()),
    "chord in a chain": lambda: chain(add.s(1, 1), chord([add.s(1), add.s(2)], total.s()), add.s(1)),
    "chain through groups": lambda: chain(add.s(1, 1), group(add.s(1), add.s(2)), total.s(), group(add.s(3), add.s(4))),
    "chain of groups": lambda: chain(group(add.s(1, 1), add.s(2, 2)), group(total.s(), total.s()), total.s()),
    "map": lambda: total.map([[1, 2], [3, 4]]),
    "starmap": lambda: add.starmap([[1, 2], [3, 4]]),
    "chunks": lambda: chunks(add.s(), [(n, n) for n in range(6)], 2).group(),
    "chunks in a chord": lambda: chord(add.chunks([(n, n) for n in range(6)], 3).group(), same.s()),
    "map in a chain": lambda: chain(total.map([[1, 2], [3]]), total.s()),
    "map that fails": lambda: fail.map(["one", "two"]),
}

LINKS = {
    "link": lambda: add.s(1, 1).set(link=add.s(3)),
    "two links": lambda: add.s(1, 1).set(link=[add.s(3), same.si(9)]),
    "link to a chain": lambda: add.s(1, 1).set(link=chain(add.s(3), add.s(4))),
    "link to a group": lambda: add.s(1, 1).set(link=group(add.s(3), add.s(4))),
    "link to a chord": lambda: add.s(1, 1).set(link=chord([add.s(3), add.s(4)], total.s())),
    "links of many kinds": lambda: add.s(1, 1).set(link=[add.s(3), group(add.s(4), add.s(5)), chain(add.s(6), add.s(7))]),
    "link of a chain": lambda: linked(chain(add.s(1, 1), add.s(2)), link=add.s(3)),
    "link of a body": lambda: chord([add.s(1, 1), add.s(2, 2)], total.s().set(link=add.s(3))),
    "error link": lambda: with_errback(fail.s(), old_errback.s()),
    "error link, new style": lambda: with_errback(fail.s(), new_errback.s()),
    "error links of both styles": lambda: with_errback(fail.s(), old_errback.s(), new_errback.s(), old_errback.s()),
    "error link of a success": lambda: with_errback(add.s(1, 1), old_errback.s()),
    "error link of a chain": lambda: with_errback(chain(add.s(1, 1), fail.si("second"), add.s(1)), old_errback.s()),
    "error link of a group": lambda: group(with_errback(fail.s(), new_errback.s()), add.s(1, 1)),
    "error link of a chord": lambda: with_errback(chord([add.s(1, 1), fail.s()], total.s()), old_errback.s()),
    "error link of a chord, new style": lambda: with_errback(chord([add.s(1, 1), fail.s()], total.s()), new_errback.s()),
    "error link of a body": lambda: chord([add.s(1, 1)], with_errback(fail.si("body"), old_errback.s())),
}

ERRORS = {
    "first of a chain fails": lambda: chain(fail.s(), add.s(1), add.s(2)),
    "second of a chain fails": lambda: chain(add.s(1, 1), fail.si(), add.s(2)),
    "one of a group fails": lambda: group(add.s(1, 1), fail.s()),
    "header fails": lambda: chord([add.s(1, 1), fail.s()], total.s()),
    "body fails": lambda: chord([add.s(1, 1), add.s(2, 2)], fail.si("body")),
    "header fails in a chain": lambda: chain(add.s(1, 1), chord([add.s(1), fail.si()], total.s()), add.s(1)),
    "header of a chord of chords fails": lambda: chord([chord([fail.s()], total.s()), add.s(1, 1)], total.s()),
    "chain in a header fails": lambda: chord([chain(add.s(1, 1), fail.si()), add.s(2, 2)], total.s()),
}

STAMPS = {
    "stamped": lambda: stamped(add.s(1, 1)),
    "stamped chain": lambda: stamped(chain(add.s(1, 1), add.s(2))),
    "stamped chord": lambda: stamped(chord([add.s(1, 1), add.s(2, 2)], total.s())),
    "stamped with a link": lambda: stamped(add.s(1, 1).set(link=add.s(2))),
    "stamped and retried": lambda: stamped(retries.s(1)),
    "stamped and replaced": lambda: stamped(replaced.s(1)),
    "stamped sender": lambda: stamped(sends.s(1)),
}

SENDS = {
    "sends": lambda: sends.s(2),
    "sends a group": lambda: sends_a_group.s(),
    "sends a chord": lambda: sends_a_chord.s(),
    "sends in a header": lambda: chord([sends.s(1), add.s(1, 1)], total.s()),
}

ZONES = {
    "returns there": lambda: add.s(1, 2),
    "countdown there": lambda: add.s(1, 2).set(countdown=0.5, expires=300),
    "naive eta": lambda: add.s(1, 2).set(eta=datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(seconds=0.5)),
    "retries there": lambda: retries.s(1),
    "expired there": lambda: add.s(1, 2).set(expires=-5),
}

GROUPS = {
    "plain": PLAIN,
    "retries": RETRIES,
    "ends": ENDS,
    "replaces": REPLACES,
    "canvas": CANVAS,
    "links": LINKS,
    "errors": ERRORS,
    "stamps": STAMPS,
    "sends": SENDS,
    "zones": ZONES,
}
