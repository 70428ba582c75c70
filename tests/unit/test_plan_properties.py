"""Whatever happens, and in whatever order: the promises that every decision of the operator keeps."""

import dataclasses
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from message_style import faults
from played_world import World
from tunewright_api.status import MOST_ATTEMPTS, Phase, StepState

EXIT_CODES = st.sampled_from([1, 2, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 79, 137, 139, 143])
SHOWN = st.one_of(
    EXIT_CODES.map(lambda code: {"exit_code": code}),
    st.just({"exit_code": 137, "termination_reason": "OOMKilled"}),
    st.just({"exit_code": 1, "disruption": "EvictionByEvictionAPI"}),
    st.just({"exit_code": None}),
)


class AnythingHappens(RuleBasedStateMachine):
    """Faults of pods, nodes, people, clocks and of the operator itself."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.attempts: dict[str, int] = {}
        self.ended: set[str] = set()

    def reconcile(self) -> None:
        """As the shell does, with what must hold of each decision."""
        decision = self.world.reconcile()
        again = self.world.decide()
        if decision.requeue_after is None or decision.requeue_after > 0:
            assert again.status == self.world.status(), "looking twice changes nothing"
            assert again.events == (), "nothing is told twice"
        if not self.world.finished() and decision.status.phase is not Phase.SUSPENDED:
            waits_for_a_pod = bool(self.world.active())
            assert decision.requeue_after is not None or waits_for_a_pod, "somebody will look again"

    @rule()
    def the_operator_looks(self) -> None:
        self.reconcile()

    @rule()
    def the_operator_dies_before_it_stores(self) -> None:
        self.world.reconcile(crash_before_storing=True)

    @rule()
    def the_cache_lags(self) -> None:
        self.world.lag()

    @rule()
    def the_cache_catches_up(self) -> None:
        self.world.catch_up()

    @rule(seconds=st.integers(-30, 900))
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @precondition(lambda self: self.world.active())
    @rule(data=st.data())
    def a_pod_starts(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.world.active()))
        if name in self.world.pods:
            self.world.run_pod(name)

    @precondition(lambda self: self.world.active())
    @rule(data=st.data())
    def a_pod_finds_no_node(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.world.active()))
        if name in self.world.pods and self.world.pods[name].phase == "Pending":
            self.world.wait_for_room(name)

    @precondition(lambda self: self.world.active())
    @rule(data=st.data(), figure=st.integers(0, 2))
    def a_pod_tells_how_far_it_is(self, data: st.DataObject, figure: int) -> None:
        self.world.report(data.draw(st.sampled_from(self.world.active())), figure)

    @rule()
    def pods_fall_silent(self) -> None:
        self.world.fall_silent()

    @rule(
        queue=st.sampled_from([None, "1m", "1h"]),
        run=st.sampled_from([None, "2h"]),
        progress=st.sampled_from([None, "5m"]),
    )
    def the_user_sets_deadlines(self, queue: str | None, run: str | None, progress: str | None) -> None:
        limits = {"queueDeadline": queue, "runDeadline": run, "noProgressDeadline": progress}
        self.world.change(limits={name: value for name, value in limits.items() if value})

    @rule(seconds=st.sampled_from([0, 600]))
    def the_user_wants_the_jobs_of_finished_runs_gone(self, seconds: int) -> None:
        self.world.change(ttlSecondsAfterFinished=seconds)

    @precondition(lambda self: self.world.active())
    @rule(data=st.data(), message=st.sampled_from([None, "", "{", '{"step": "other", "attempt": 1}']))
    def a_pod_succeeds(self, data: st.DataObject, message: str | None) -> None:
        name = data.draw(st.sampled_from(self.world.active()))
        if name in self.world.pods:
            self.world.succeed(name, message=message)

    @precondition(lambda self: self.world.active())
    @rule(data=st.data(), shown=SHOWN)
    def a_pod_fails(self, data: st.DataObject, shown: dict[str, object]) -> None:
        name = data.draw(st.sampled_from(self.world.active()))
        if name in self.world.pods:
            self.world.fail(name, **shown)

    @precondition(lambda self: self.world.active())
    @rule(data=st.data())
    def a_pod_gets_stuck(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.world.active()))
        if name in self.world.pods:
            deadline = self.world.now + timedelta(seconds=30)
            self.world.pods[name] = dataclasses.replace(self.world.pods[name], deletion_deadline=deadline)

    @precondition(lambda self: self.world.jobs)
    @rule(data=st.data())
    def a_node_takes_its_pods_with_it(self, data: st.DataObject) -> None:
        self.world.lose_pods(data.draw(st.sampled_from(sorted(self.world.jobs))))

    @precondition(lambda self: self.world.jobs)
    @rule(data=st.data())
    def somebody_deletes_a_job(self, data: st.DataObject) -> None:
        self.world.vanish(data.draw(st.sampled_from(sorted(self.world.jobs))))

    @rule()
    def deletions_come_to_an_end(self) -> None:
        self.world.finish_deletions()

    @rule(suspend=st.booleans())
    def the_user_suspends_or_resumes(self, suspend: bool) -> None:
        if bool(self.world.spec.get("suspend")) != suspend:
            self.world.change(suspend=suspend)

    @rule()
    def the_user_cancels(self) -> None:
        self.world.change(cancel=True)

    @precondition(lambda self: self.world.finished())
    @rule()
    def the_user_runs_it_again(self) -> None:
        self.world.change(cancel=False, suspend=False, runAttempt=(self.world.spec.get("runAttempt") or 1) + 1)

    @invariant()
    def attempts_only_rise(self) -> None:
        for step in self.world.status().steps:
            assert step.attempt >= self.attempts.get(step.name, 0), step.name
            self.attempts[step.name] = step.attempt

    @invariant()
    def each_attempt_that_is_over_is_told_once(self) -> None:
        told = [(record.step, record.attempt) for record in self.world.status().attempts]
        assert len(set(told)) == len(told) <= MOST_ATTEMPTS
        for step in self.world.status().steps:
            if step.state in (StepState.PENDING, StepState.RUNNING):
                assert (step.name, step.attempt) not in told, "it is not over"
            if step.state is StepState.SUCCEEDED and len(told) < MOST_ATTEMPTS:
                assert (step.name, step.attempt) in told

    @invariant()
    def every_sentence_keeps_the_rules(self) -> None:
        assert faults(self.world.status()) == []

    @invariant()
    def steps_go_in_order(self) -> None:
        states = [step.state for step in self.world.status().steps]
        done = [state is StepState.SUCCEEDED for state in states]
        assert done == sorted(done, reverse=True), states

    @invariant()
    def a_run_that_has_ended_stays_ended(self) -> None:
        status = self.world.status()
        if self.world.finished() and status.run_id:
            self.ended.add(status.run_id)
        assert self.world.finished() or status.run_id not in self.ended

    @invariant()
    def a_job_is_created_again_only_if_nobody_could_know_of_it(self) -> None:
        for name, count in self.world.creations.items():
            assert count == 1 or name in self.world.deleted_by_others, name

    @invariant()
    def two_attempts_never_work_at_once(self) -> None:
        """Except beside a pod whose node is dead, which cannot be told to stop; it writes below a prefix of its own."""
        stuck = {name for name, pod in self.world.pods.items() if pod.deletion_deadline is not None}
        at_work = [name for name in self.world.active() if not self.world.jobs[name].deleting and name not in stuck]
        assert len(at_work) <= 1, at_work

    @invariant()
    def only_who_reported_has_succeeded(self) -> None:
        for step in self.world.status().steps:
            assert step.state is not StepState.SUCCEEDED or step.digest

    def teardown(self) -> None:
        """When the faults stop, the run comes to its end."""
        world = self.world
        world.catch_up()
        if world.spec.get("suspend"):
            world.change(suspend=False)
        for _ in range(80):
            self.reconcile()
            world.finish_deletions()
            for name in world.active():
                if name in world.pods:
                    world.succeed(name)
                else:
                    world.vanish(name)
            world.pass_time(700)
        assert world.finished()
        assert world.status().phase in (Phase.COMPLETE, Phase.FAILED, Phase.CANCELLED)


AnythingHappens.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestAnythingHappens = AnythingHappens.TestCase
