// SPDX-License-Identifier: MIT OR Apache-2.0
//! The layout in words, against the logs of kernels 6.1, 6.12 and 6.18 and a K210 (B45).

use std::string::{String, ToString};

use super::{Machine, plan, regions};
use crate::geometry::Setup;

const M2: usize = 2 << 20;

fn dump(setup: Setup, sizes: [usize; 4], machine: &Machine) -> String {
    let [static_size, reserved, dyn_size, atom] = sizes;
    let config = regions(static_size, reserved, dyn_size, atom);
    plan(setup, &config, machine, |geometry| geometry.unwrap().to_string())
}

#[test]
fn two_cpus_without_nodes_are_shown_as_on_a_k210() {
    let shown = dump(Setup::Embed, [15520, 0, 28672, 4096], &Machine::flat(2));
    let expected = "pcpu-alloc: s15520 r0 d29536 u45056 alloc=11*4096\n\
                    pcpu-alloc: [0] 0 [0] 1";
    assert_eq!(shown, expected);
}

#[test]
fn two_cpus_in_a_large_page_are_shown_as_by_6_18() {
    let shown = dump(Setup::Embed, [185_496, 0, 28672, M2], &Machine::flat(2));
    let expected = "pcpu-alloc: s185496 r0 d31592 u1048576 alloc=1*2097152\n\
                    pcpu-alloc: [0] 0 1";
    assert_eq!(shown, expected);
}

#[test]
fn two_nodes_are_shown_as_by_6_1() {
    let sizes = [217_088, 8192, 28672, M2];
    let shown = dump(Setup::Embed, sizes, &Machine::blocks(8, 4));
    let expected = "pcpu-alloc: s217088 r8192 d28672 u524288 alloc=1*2097152\n\
                    pcpu-alloc: [0] 0 1 2 3 [1] 4 5 6 7";
    assert_eq!(shown, expected);
}

#[test]
fn the_page_set_up_is_shown_as_by_6_12() {
    let shown = dump(Setup::Page, [194_968, 0, 28672, M2], &Machine::blocks(4, 2));
    let expected = "pcpu-alloc: s194968 r0 d22120 u217088 alloc=53*4096\n\
                    pcpu-alloc: [0] 0 [0] 1 [0] 2 [0] 3";
    assert_eq!(shown, expected);
}

#[test]
fn sixty_four_cpus_are_shown_as_by_6_12() {
    let shown = dump(Setup::Embed, [194_968, 0, 28672, M2], &Machine::blocks(64, 32));
    let expected = "\
pcpu-alloc: s194968 r0 d30312 u262144 alloc=1*2097152
pcpu-alloc: [0] 00 01 02 03 04 05 06 07 [0] 08 09 10 11 12 13 14 15
pcpu-alloc: [0] 16 17 18 19 20 21 22 23 [0] 24 25 26 27 28 29 30 31
pcpu-alloc: [1] 32 33 34 35 36 37 38 39 [1] 40 41 42 43 44 45 46 47
pcpu-alloc: [1] 48 49 50 51 52 53 54 55 [1] 56 57 58 59 60 61 62 63";
    assert_eq!(shown, expected);
}

#[test]
fn unused_units_are_dashes_as_by_6_1() {
    // Only CPUs 0 and 1 were present; the firmware's table put the others on nodes in turn.
    let node = |cpu: u32| Some(u32::from(cpu != 1 && cpu % 2 == 1));
    let machine = Machine::of((0..64).map(node));
    let shown = dump(Setup::Embed, [217_088, 8192, 28672, M2], &machine);
    let expected = "\
pcpu-alloc: s217088 r8192 d28672 u262144 alloc=1*2097152
pcpu-alloc: [0] 00 01 02 04 06 08 10 12 [0] 14 16 18 20 22 24 26 28
pcpu-alloc: [0] 30 32 34 36 38 40 42 44 [0] 46 48 50 52 54 56 58 60
pcpu-alloc: [0] 62 -- -- -- -- -- -- -- [1] 03 05 07 09 11 13 15 17
pcpu-alloc: [1] 19 21 23 25 27 29 31 33 [1] 35 37 39 41 43 45 47 49
pcpu-alloc: [1] 51 53 55 57 59 61 63 --";
    assert_eq!(shown, expected);
}

#[test]
fn cpus_are_padded_to_the_digits_of_their_number_and_not_of_their_ids() {
    let machine = Machine::of((0..=123).map(|cpu| (cpu % 123 == 0).then_some(0)));
    let shown = dump(Setup::Embed, [0, 0, 0, 4096], &machine);
    assert!(shown.ends_with("\npcpu-alloc: [0] 0 [0] 123"), "{shown}");
}

#[test]
fn groups_are_padded_to_the_digits_of_their_number() {
    let shown = dump(Setup::Embed, [0, 0, 0, 4096], &Machine::blocks(10, 1));
    let expected = "\npcpu-alloc: [04] 04 [05] 05 [06] 06 [07] 07\npcpu-alloc: [08] 08 [09] 09";
    assert!(shown.ends_with(expected), "{shown}");
}

#[test]
fn a_piece_wider_than_a_line_has_a_line_of_its_own() {
    let shown = dump(Setup::Embed, [0, 0, 0, M2], &Machine::flat(128));
    assert_eq!(shown.lines().count(), 3);
}
