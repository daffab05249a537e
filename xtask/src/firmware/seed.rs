// SPDX-License-Identifier: MIT OR Apache-2.0
//! The claim that pcpu began with: on a machine with several processors and no MMU, an
//! image holds no code for page tables, and cannot ask for any.
//!
//! Both halves have a control. Absence of symbols is easy to prove by mistake, so an image for an
//! MMU machine has to show what the other must not; and a build has to fail *for the right
//! reason*, so its message must name the missing ability.

use std::collections::BTreeSet;

use anstream::println;

use super::boards::{self, Board};
use super::build::Workshop;
use crate::site::{Result, Site};
use crate::symbols::symbols_of;

/// The image without an MMU, and the feature that asks for one.
const WITHOUT: &str = "an536";
const ASKING: &str = "try-vm";

/// The image with an MMU.
const WITH: &str = "riscv64-sv39";

/// What names of functions that map, unmap or flush are made of.
const TRACES: &[&str] = &["Mapper", "mapper", "flush_tlb", "shootdown", "PageTable", "page_table"];

/// Those that an image with an MMU has to show.
const CONTROLS: &[&[&str]] = &[&["Mapper", "mapper"], &["flush_tlb"]];

/// Part of a name in every image: the allocator itself.
const ALLOCATOR: &str = "pcpu_core";

/// What the message of the build that has to fail must name.
const MISSING: &str = "Mapper";

/// The stage: builds both images, looks at their symbols, and tries the build that must fail.
pub fn check(site: &Site) -> Result {
    let workshop = Workshop::of(site)?;
    let (without, with) = (board(WITHOUT)?, board(WITH)?);
    for board in [without, with] {
        workshop.build(&vec![board]).run()?;
    }
    let symbols = |board| symbols_of(&workshop.image(board));
    judge_without(&symbols(without)?).map_err(|fault| format!("{WITHOUT} {fault}"))?;
    judge_with(&symbols(with)?).map_err(|fault| format!("{WITH} {fault}"))?;
    println!("{WITHOUT} has no symbol with {}; {WITH} has", TRACES.join(", "));

    let asking = Board { features: &[ASKING], ..*without };
    let output = workshop.build(&vec![&asking]).ignore_status().output()?;
    let message = String::from_utf8_lossy(&output.stderr);
    judge_refusal(output.status.success(), &message)?;
    println!("with the feature {ASKING} it does not build, and the message names {MISSING}");
    Ok(())
}

fn board(name: &str) -> Result<&'static Board> {
    Ok(boards::select(&[name.to_owned()])?[0])
}

type Judgement = std::result::Result<(), String>;

fn judge_without(symbols: &BTreeSet<String>) -> Judgement {
    judge_readable(symbols)?;
    match symbols.iter().find(|symbol| TRACES.iter().any(|trace| symbol.contains(trace))) {
        Some(symbol) => Err(format!("contains {symbol}")),
        None => Ok(()),
    }
}

fn judge_with(symbols: &BTreeSet<String>) -> Judgement {
    judge_readable(symbols)?;
    let shown = |one_of: &[&str]| {
        symbols.iter().any(|symbol| one_of.iter().any(|trace| symbol.contains(trace)))
    };
    match CONTROLS.iter().find(|one_of| !shown(one_of)) {
        Some(one_of) => Err(format!("lacks {}: the test proves nothing", one_of.join(" or "))),
        None => Ok(()),
    }
}

fn judge_readable(symbols: &BTreeSet<String>) -> Judgement {
    if symbols.iter().any(|symbol| symbol.contains(ALLOCATOR)) {
        return Ok(());
    }
    Err(format!("has no symbol of {ALLOCATOR}: it is stripped, or does not allocate"))
}

fn judge_refusal(built: bool, message: &str) -> Judgement {
    let tail = || message.lines().rev().take(20).collect::<Vec<_>>();
    match (built, message.contains(MISSING)) {
        (true, _) => Err(format!("{WITHOUT} builds with the feature {ASKING}")),
        (false, true) => Ok(()),
        (false, false) => {
            let tail: Vec<_> = tail().into_iter().rev().collect();
            Err(format!("the message does not name {MISSING}:\n{}", tail.join("\n")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const ALLOC: &str = "_ZN9pcpu_core9allocator5allocE";
    const FLUSH: &str = "_ZN9pcpu_bare3mmu9flush_tlb17hE";
    const MAP: &str = "_ZN4Bare$u20$as$u20$pcpu_platform..Mapper$GT$3mapE";

    #[test]
    fn one_trace_of_mapping_condemns_an_image_without_an_mmu() {
        assert_eq!(judge_without(&set(&[ALLOC])), Ok(()));
        for symbol in [FLUSH, MAP, "_ZN9pcpu_bare9shootdown5serveE"] {
            let fault = judge_without(&set(&[ALLOC, symbol])).unwrap_err();
            assert_eq!(fault, format!("contains {symbol}"));
        }
    }

    #[test]
    fn an_image_with_an_mmu_has_to_show_what_the_other_must_not() {
        assert_eq!(judge_with(&set(&[ALLOC, FLUSH, MAP])), Ok(()));
        assert!(judge_with(&set(&[ALLOC, MAP])).unwrap_err().starts_with("lacks flush_tlb"));
        assert!(judge_with(&set(&[ALLOC, FLUSH])).unwrap_err().starts_with("lacks Mapper"));
    }

    #[test]
    fn a_stripped_image_proves_nothing() {
        assert!(judge_without(&set(&[])).unwrap_err().starts_with("has no symbol of pcpu_core"));
        assert!(judge_with(&set(&[FLUSH, MAP])).is_err());
    }

    #[test]
    fn only_a_refusal_for_the_right_reason_counts() {
        assert_eq!(judge_refusal(false, "error: `Mapper` is not implemented"), Ok(()));
        assert!(judge_refusal(false, "error: no feature try-vm").is_err());
        assert!(judge_refusal(true, "warning: Mapper").is_err());
    }

    #[test]
    fn every_control_is_a_trace() {
        assert!(CONTROLS.iter().flat_map(|one_of| *one_of).all(|it| TRACES.contains(it)));
    }
}
