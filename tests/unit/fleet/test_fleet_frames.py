"""The bounded queue: order, overflow and end."""

import threading

from agent_fleet.frames import Frame, FrameQueue


def _frame(number: int) -> Frame:
    return Frame(number * 10, bytes(20))


def test_frames_come_out_in_order_and_joined_only_when_they_wait() -> None:
    queue = FrameQueue(10)
    for number in range(5):
        queue.put(_frame(number))
    assert [f.position for f in queue.take(4)] == [0, 10, 20, 30]
    assert [f.position for f in queue.take(4)] == [40]


def test_when_full_the_oldest_goes_and_is_counted() -> None:
    queue = FrameQueue(3)
    for number in range(5):
        queue.put(_frame(number))
    assert queue.dropped == 2
    assert [f.position for f in queue.take(9)] == [20, 30, 40]


def test_closing_gives_out_what_waits_then_nothing_for_ever() -> None:
    queue = FrameQueue(3)
    queue.put(_frame(0))
    queue.close()
    assert [f.position for f in queue.take(9)] == [0]
    assert queue.take(9) == []
    assert queue.take(9) == []


def test_a_taker_that_waits_is_woken_by_a_frame_and_by_the_end() -> None:
    queue = FrameQueue(3)
    taken: list[list[Frame]] = []

    def take() -> None:
        while got := queue.take(1):
            taken.append(got)

    thread = threading.Thread(target=take)
    thread.start()
    queue.put(_frame(0))
    queue.put(_frame(1))
    queue.close()
    thread.join(5)
    assert not thread.is_alive()
    assert [f.position for [f] in taken] == [0, 10]
