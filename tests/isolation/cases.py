"""Which tests stand for which pitfall of the sandbox and which case of abuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FOLDER = "tests/unit/workspace"


@dataclass(frozen=True)
class Case:
    what: str
    tests: Mapping[str, tuple[str, ...]]
    """File without `test_` and ending → names of tests without `test_`."""

    def nodes(self) -> list[str]:
        return [
            f"{FOLDER}/test_{file}.py::test_{name}" for file, names in self.tests.items() for name in names
        ]


PITFALLS = {
    1: Case("capabilities that mount the root writable", {"sandbox_walls": (
        "a_program_has_no_capabilities_and_can_get_none", "nothing_can_be_mounted_again_with_write_access")}),
    2: Case("/proc/sys of the host", {"sandbox_walls": (
        "nothing_outside_the_scratch_folders_can_be_written",)}),
    3: Case("an outer user who is root", {
        "sandbox_walls": ("the_outer_user_is_not_root",),
        "sandbox_user": ("root_hands_the_sandbox_to_that_user",)}),
    4: Case("the environment of the first process", {"sandbox_walls": (
        "secrets_of_the_service_are_in_no_environment_inside",)}),
    5: Case("a mount that hides what is below it", {"sandbox_access": (
        "a_folder_that_is_shown_can_be_read_and_not_written",)}),
    6: Case("processes of the service that count against the limit", {"sandbox_limits": (
        "a_fork_bomb_stops_at_the_process_limit",)}),
    7: Case("threads that need address space, memory that no process uses alone", {"sandbox_limits": (
        "a_hundred_threads_are_fine", "processes_that_together_use_too_much_memory_are_killed")}),
    8: Case("many files that are each small enough", {"sandbox_limits": (
        "filling_a_scratch_folder_ends_with_disk_full",)}),
    9: Case("a pipe that is not read to its end", {"sandbox_limits": (
        "a_daemon_is_dead_after_its_run_ended", "a_run_leaves_no_file_descriptor_and_no_folder")}),
    10: Case("system calls that namespaces do not stop", {"sandbox_walls": (
        "dangerous_system_calls_are_refused",)}),
    11: Case("a result that is a link or a pipe", {"sandbox": (
        "a_result_that_is_no_small_regular_file_is_no_result",)}),
    12: Case("a sandbox inside a sandbox", {
        "sandbox_walls": ("the_projects_variables_arrive_and_can_not_hide_the_sandbox",),
        "selftest": ("a_nested_user_namespace_is_seen_outside_a_sandbox",)}),
    13: Case("a database inside", {"sandbox_walls": ("a_postgres_can_be_made_started_and_asked_inside",)}),
    14: Case("code between fork and exec", {"sandbox_leash": ("no_code_runs_between_fork_and_exec",)}),
}  # fmt: skip
ABUSES = {
    68: Case("secrets in an environment", PITFALLS[4].tests),
    69: Case("the network and UNIX sockets", {"sandbox_walls": (
        "no_network_can_be_reached", "a_server_on_the_hosts_loopback_can_not_be_reached")}),
    70: Case("bombs and floods", {"sandbox_limits": (
        "a_fork_bomb_stops_at_the_process_limit", "processes_that_together_use_too_much_memory_are_killed",
        "one_process_can_not_reserve_more_than_its_address_space", "one_file_stays_under_its_limit",
        "endless_empty_files_are_stopped", "filling_a_scratch_folder_ends_with_disk_full",
        "a_flood_of_output_keeps_only_its_end", "spinning_is_stopped_by_the_processor_limit",
        "a_daemon_is_dead_after_a_timeout")}),
    71: Case("processes that want to stay", {
        "sandbox_limits": ("a_daemon_is_dead_after_its_run_ended", "a_daemon_is_dead_after_a_timeout",
                           "cancelling_kills_everything_at_once"),
        "sandbox_leash": ("the_first_process_inside_stays_in_the_group_that_dies_with_the_service",)}),
    73: Case("hostile result files", PITFALLS[11].tests),
}  # fmt: skip
