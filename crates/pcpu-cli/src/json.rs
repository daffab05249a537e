// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answer as one JSON object: the same facts as the table, for programs.
//!
//! Names and order are a contract; fields are added at the end or not at all.

use std::io::{self, Write};

use pcpu_core::Placement;
use pcpu_trace::Id;
use serde::Serialize;

use crate::args::OutputArgs;
use crate::row::Row;
use crate::trace::Trace;

#[derive(Serialize)]
struct Answer<'a> {
    trace: TraceFacts<'a>,
    cells: Vec<CellFacts<'a>>,
}

#[derive(Serialize)]
struct TraceFacts<'a> {
    name: &'a str,
    events: u64,
    allocs: u64,
    frees: u64,
    unknown_frees: u64,
    implied_frees: u64,
    failed: u64,
    lost: u64,
}

#[derive(Serialize)]
struct CellFacts<'a> {
    smp: bool,
    mmu: bool,
    backend: &'static str,
    cpus: u32,
    nodes: u32,
    platform: &'static str,
    unit_size: u64,
    static_size: u64,
    reserved_size: u64,
    dyn_size: u64,
    atom_size: u64,
    alloc_size: u64,
    nr_alloc: u64,
    nr_dealloc: u64,
    nr_cur_alloc: u64,
    nr_max_alloc: u64,
    nr_chunks: u64,
    nr_max_chunks: u64,
    min_alloc_size: u64,
    max_alloc_size: u64,
    empty_pop_pages: u64,
    failures: u64,
    failures_atomic: u64,
    failures_invalid: u64,
    populated_pages: u64,
    peak_populated_pages: u64,
    total_pages: u64,
    peak_total_pages: u64,
    first_chunk_pages: u64,
    wasted_pages: u64,
    live_bytes: u64,
    peak_live_bytes: u64,
    alloc_ns: f64,
    free_ns: f64,
    op_ns: f64,
    verified: bool,
    verified_cpus: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    offsets: Option<Vec<OffsetFacts>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percpu_stats: Option<&'a str>,
}

/// Where one allocation of the trace went. Chunk 0 is the first chunk, -1 the reserved one, others
/// count from 1 as they were made; the offset counts from the start of the unit. Both are null
/// for a refused request.
#[derive(Serialize)]
struct OffsetFacts {
    id: Id,
    chunk: Option<i32>,
    offset: Option<u64>,
}

/// Writes the object and a line end.
pub fn write(
    out: &mut impl Write,
    trace: &Trace,
    rows: &[Row],
    output: &OutputArgs,
) -> io::Result<()> {
    let cells = rows.iter().map(|row| cell(row, output)).collect();
    serde_json::to_writer(&mut *out, &Answer { trace: trace_facts(trace), cells })?;
    writeln!(out)
}

fn trace_facts(trace: &Trace) -> TraceFacts<'_> {
    let counts = trace.counts();
    TraceFacts {
        name: trace.name(),
        events: counts.events,
        allocs: counts.allocs,
        frees: counts.frees,
        unknown_frees: counts.unknown_frees,
        implied_frees: counts.implied_frees,
        failed: counts.failed,
        lost: counts.lost,
    }
}

fn cell<'a>(row: &'a Row, output: &OutputArgs) -> CellFacts<'a> {
    let Row { machinery, stats, times, seen, verdict } = row;
    CellFacts {
        smp: machinery.cell.is_smp(),
        mmu: machinery.cell.has_mmu(),
        backend: machinery.cell.backend(),
        cpus: machinery.cpus,
        nodes: machinery.nodes,
        platform: machinery.platform,
        unit_size: stats.unit_size as u64,
        static_size: stats.static_size as u64,
        reserved_size: stats.reserved_size as u64,
        dyn_size: stats.dyn_size as u64,
        atom_size: stats.atom_size as u64,
        alloc_size: stats.alloc_size as u64,
        nr_alloc: stats.nr_alloc,
        nr_dealloc: stats.nr_dealloc,
        nr_cur_alloc: stats.nr_cur_alloc,
        nr_max_alloc: stats.nr_max_alloc,
        nr_chunks: stats.nr_chunks as u64,
        nr_max_chunks: stats.nr_max_chunks as u64,
        min_alloc_size: stats.min_alloc_size as u64,
        max_alloc_size: stats.max_alloc_size as u64,
        empty_pop_pages: stats.empty_pop_pages as u64,
        failures: seen.refused.all,
        failures_atomic: seen.refused.atomic,
        failures_invalid: seen.refused.invalid,
        populated_pages: stats.populated_pages as u64,
        peak_populated_pages: stats.peak_populated_pages as u64,
        total_pages: stats.total_pages as u64,
        peak_total_pages: stats.peak_total_pages as u64,
        first_chunk_pages: stats.first_chunk_pages as u64,
        wasted_pages: stats.wasted_pages as u64,
        live_bytes: stats.live_bytes,
        peak_live_bytes: stats.peak_live_bytes,
        alloc_ns: rounded(times.alloc_ns),
        free_ns: rounded(times.free_ns),
        op_ns: rounded(times.op_ns),
        verified: verdict.is_ok(),
        verified_cpus: seen.verified_cpus,
        offsets: seen.offsets.as_deref().map(offsets),
        percpu_stats: output.stats.then_some(seen.percpu_stats.as_str()),
    }
}

fn offsets(seen: &[(Id, Option<Placement>)]) -> Vec<OffsetFacts> {
    let facts = seen.iter().map(|&(id, placement)| OffsetFacts {
        id,
        chunk: placement.map(|placement| placement.chunk),
        offset: placement.map(|placement| placement.offset.get() as u64),
    });
    facts.collect()
}

/// Hundredths of a nanosecond are more than the clock knows.
fn rounded(ns: f64) -> f64 {
    (ns * 100.0).round() / 100.0
}
