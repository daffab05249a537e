// SPDX-License-Identifier: MIT OR Apache-2.0
//! The examples, run: each asserts what it shows.
#![cfg(all(feature = "std", target_os = "linux", not(miri)))]

#[path = "../examples/04_concurrency_ids.rs"]
mod concurrency_ids;
#[path = "../examples/03_free_list.rs"]
mod free_list;
#[path = "../examples/01_request_counter.rs"]
mod request_counter;
#[path = "../examples/05_signal_handler.rs"]
mod signal_handler;
#[path = "../examples/06_statics.rs"]
mod statics;
#[path = "../examples/02_statistics_block.rs"]
mod statistics_block;

#[test]
fn requests_are_counted_from_every_thread() {
    request_counter::main();
}

#[test]
fn a_block_of_statistics_is_read_as_it_was_between_two_requests() {
    statistics_block::main();
}

#[test]
fn buffers_are_taken_given_back_and_none_is_lost() {
    free_list::main();
}

#[test]
fn a_program_on_few_cpus_has_few_copies() {
    concurrency_ids::main();
}

#[test]
fn a_handler_counts_on_what_it_has_interrupted() {
    signal_handler::main();
}

#[test]
fn statics_are_used_without_a_pool() {
    statics::main();
}
