// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cuts the first requests out of the boot trace that ships with the command line, and turns
//! them into a constant: firmware reads no text.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use pcpu_trace::{Context, Event, Op, Reader};

/// Requests of the cut.
const LENGTH: usize = 1_200;

fn main() -> Result<(), Box<dyn Error>> {
    let here = env::var("CARGO_MANIFEST_DIR")?;
    let trace = Path::new(&here).join("../../crates/pcpu-cli/traces/boot612-numa8.trace.zst");
    println!("cargo:rerun-if-changed={}", trace.display());

    let mut reader = Reader::open(&trace)?;
    let (mut text, mut len, mut ids) = (String::new(), 0, 0);
    while len < LENGTH {
        let Some(event) = reader.next_event()? else { break };
        let Event::Op(op) = event else { continue };
        match op {
            Op::Alloc(it) => {
                let context = match it.context {
                    Context::Atomic => "Atomic",
                    Context::MaySleep => "MaySleep",
                };
                let (id, size, align) = (it.id, it.size, it.align);
                ids = ids.max(id + 1);
                writeln!(
                    text,
                    "Op::Alloc {{ id: {id}, size: {size}, align: {align}, context: Context::{context} }},"
                )?;
            }
            Op::Free(id) => writeln!(text, "Op::Free {{ id: {id} }},")?,
            Op::Balance => writeln!(text, "Op::Balance,")?,
        }
        len += 1;
    }
    let out = Path::new(&env::var("OUT_DIR")?).join("trace.rs");
    fs::write(
        out,
        format!("const NR_IDS: usize = {ids};\nstatic TRACE: [Op; {len}] = [\n{text}];\n"),
    )?;
    Ok(())
}
