// SPDX-License-Identifier: MIT OR Apache-2.0
//! The suite fails, with the right sentence, on every platform that breaks one promise.

mod broken;

use broken::{Broken, Flaw};
use lock_api::{GuardNoSend, RawMutex};
use pcpu_conformance as conformance;

macro_rules! caught {
    ($($name:ident: $flaw:ident, $suite:ident, $sentence:literal;)*) => {$(
        #[test]
        #[should_panic(expected = $sentence)]
        fn $name() {
            conformance::$suite(&Broken::<pcpu_sim::IndexLock>::new(Flaw::$flaw));
        }
    )*};
}

caught! {
    a_run_that_starts_late_is_caught: RunStartsOnePageLate, frames,
        "Frames, take_run: a run starts at a multiple of the alignment asked for";
    runs_that_are_rounded_down_are_caught: RunsRoundDown, frames,
        "Frames, take_run: a run belongs to the caller alone";
    a_run_that_cannot_exist_is_caught: RunsIgnoreTheEnd, frames,
        "Frames, take_run: three quarters of all addresses cannot be had";
    refusing_a_node_is_caught: NamedNodeRefused, frames,
        "Frames, take_run: a full node is no reason to refuse";
    damage_to_the_rest_of_a_run_is_caught: GivingPartKillsTheRest, frames,
        "Frames, give_run: the rest of a run stays the caller's";

    a_byte_left_by_zero_is_caught: ZeroMissesTheLastByte, memory,
        "Memory, zero: all bytes named are 0 afterwards";
    a_byte_too_many_zeroed_is_caught: ZeroGoesTooFar, memory,
        "Memory, zero: no other byte changes";
    a_write_cut_at_the_page_is_caught: WriteStopsAtThePage, memory,
        "Memory, write and read: what was written is read back";

    dirty_metadata_is_caught: MetadataDirty, metadata,
        "Metadata, take_metadata: the memory is all zeros";
    misaligned_metadata_is_caught: MetadataMisaligned, metadata,
        "Metadata, take_metadata: the memory is aligned as asked";
    shared_metadata_is_caught: MetadataShared, metadata,
        "Metadata, take_metadata: a piece belongs to the caller alone";

    a_running_cpu_that_is_impossible_is_caught: CurrentImpossible, cpus,
        "Cpus, current: CPU 4 runs and is not possible";
    an_id_too_many_is_caught: HighestIdImpossible, cpus,
        "Topology, nr_cpu_ids: the highest id, 4, is that of a possible CPU";
    a_node_that_changes_is_caught: NodeFlickers, cpus,
        "Topology, node_of: the answer for CPU 2 never changes";
    a_cpu_far_from_itself_is_caught: FarFromItself, cpus,
        "Topology, is_local: CPU 0 is at the local distance from itself";

    a_frame_left_out_is_caught: MapSkipsAFrame, mapper,
        "Mapper, map and frame_at: every frame is mapped, page 3 of 4 is not";
    frames_in_another_order_are_caught: MapReverses, frames_keep_content,
        "Mapper, map and frame_at: a page shows the content of its frame";
    reserving_the_same_range_twice_is_caught: ReserveTwice, mapper,
        "Mapper, reserve: reserved ranges overlap nothing else";
    a_misaligned_base_is_caught: ReserveMisaligned, mapper,
        "Mapper, reserve: the base is a multiple of the alignment";
    unmapping_that_stops_at_a_hole_is_caught: UnmapStopsAtHole, mapper,
        "Mapper, unmap: pages that are not mapped are passed over";
    a_frame_named_after_unmap_is_caught: FrameAtForgetsUnmap, mapper,
        "Mapper, unmap: page 3 of 4 is still mapped";
    a_flush_that_does_nothing_is_caught_by_the_machine: FlushDoesNothing, mapper,
        "stale translation used";

    pinning_to_another_cpu_is_caught: PinnedElsewhere, this_cpu,
        "ThisCpu, pinned: the body was told CPU 1 and runs on CPU 0";
    an_addition_that_returns_the_old_value_is_caught: AddReturnsTheOld, this_cpu,
        "ThisCpu, add_return: it returns the sum, wrapping (1 bytes)";
    an_exchange_that_is_too_wide_is_caught: ExchangeWide, this_cpu,
        "ThisCpu: operations on 1 bytes change no byte beside them";
    comparing_for_nothing_is_caught: CompareAlwaysReplaces, this_cpu,
        "ThisCpu, compare_exchange: the expected value is replaced";
}

#[test]
fn without_a_flaw_the_wrapper_passes() {
    let platform = Broken::<pcpu_sim::IndexLock>::new(Flaw::Nothing);
    conformance::everything_mapped(&platform);
    conformance::frames_keep_content(&platform);
    conformance::exact_runs(&platform, || platform.inner.machine().frames_in_use());
}

#[test]
#[should_panic(expected = "Frames, take_run: a run of 3 pages takes exactly 3 pages")]
fn runs_that_are_rounded_up_are_caught() {
    let platform = Broken::<pcpu_sim::IndexLock>::new(Flaw::RunsRoundUp);
    conformance::exact_runs(&platform, || platform.inner.machine().frames_in_use());
}

#[test]
#[should_panic(expected = "IndexLock, lock: it is held afterwards")]
fn a_lock_that_locks_nothing_is_caught() {
    conformance::locks(&Broken::<NoLock>::new(Flaw::Nothing));
}

/// Excludes nobody.
struct NoLock;

// SAFETY: broken on purpose; nothing is kept behind it.
unsafe impl RawMutex for NoLock {
    const INIT: Self = Self;
    type GuardMarker = GuardNoSend;
    fn lock(&self) {}
    fn try_lock(&self) -> bool {
        true
    }
    unsafe fn unlock(&self) {}
    fn is_locked(&self) -> bool {
        false
    }
}
