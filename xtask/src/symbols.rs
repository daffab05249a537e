// SPDX-License-Identifier: MIT OR Apache-2.0
//! The symbol test: a km program contains no mapping and no flush, a vm program does.
//!
//! Two example programs are alike but for their cell. Both come with a platform whose
//! mapping, unmapping and flushing functions bear unmangled names, so that a linked program
//! shows whether anything in it could call them. Absence is easy to prove by mistake (a
//! stripped program has no symbol at all), so the vm program must have what the km program
//! must not, and both must have their `main`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use object::{Object, ObjectSymbol};
use xshell::cmd;

use crate::site::{Result, Site};

/// The functions that only a machine with an MMU can be asked for.
const MARKERS: &[&str] = &["pcpu_probe_map", "pcpu_probe_unmap", "pcpu_probe_flush_tlb"];

#[derive(Clone, Copy)]
enum Expect {
    NoMarker,
    EveryMarker,
}

/// The stage: builds both programs optimised and looks at their symbols.
pub fn check(site: &Site) -> Result {
    let build = cmd!(site.sh, "cargo build --release -p pcpu-conformance");
    build.args(["--example", "km_image", "--example", "vm_image"]).run()?;
    for (name, expect) in [("km_image", Expect::NoMarker), ("vm_image", Expect::EveryMarker)] {
        let symbols = symbols_of(&site.release_program("examples", name)?)?;
        judge(&symbols, expect).map_err(|fault| format!("{name} {fault}"))?;
    }
    Ok(())
}

/// The names of all symbols that a program defines.
pub fn symbols_of(program: &Path) -> Result<BTreeSet<String>> {
    let bytes = fs::read(program).map_err(|error| format!("{}: {error}", program.display()))?;
    let file = object::File::parse(&*bytes)?;
    let defined = file.symbols().filter(|symbol| symbol.is_definition());
    // Mach-O puts an underscore before every name of C.
    let names = defined.filter_map(|symbol| symbol.name().ok());
    Ok(names.flat_map(|name| [name, name.trim_start_matches('_')].map(str::to_owned)).collect())
}

fn judge(symbols: &BTreeSet<String>, expect: Expect) -> std::result::Result<(), String> {
    if !symbols.contains("main") {
        return Err("has no symbol main: it is stripped, and nothing can be said of it".to_owned());
    }
    for marker in MARKERS {
        match (symbols.contains(*marker), expect) {
            (true, Expect::NoMarker) => return Err(format!("contains {marker}")),
            (false, Expect::EveryMarker) => return Err(format!("lacks {marker}")),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn one_marker_condemns_a_km_program() {
        let fault = judge(&set(&["main", "pcpu_probe_flush_tlb"]), Expect::NoMarker);
        assert_eq!(fault.unwrap_err(), "contains pcpu_probe_flush_tlb");
        assert_eq!(judge(&set(&["main"]), Expect::NoMarker), Ok(()));
    }

    #[test]
    fn a_vm_program_has_to_show_every_marker() {
        let fault = judge(&set(&["main", "pcpu_probe_map"]), Expect::EveryMarker);
        assert_eq!(fault.unwrap_err(), "lacks pcpu_probe_unmap");
        let all = [MARKERS, &["main"]].concat();
        assert_eq!(judge(&set(&all), Expect::EveryMarker), Ok(()));
    }

    #[test]
    fn a_stripped_program_proves_nothing() {
        assert!(judge(&set(&[]), Expect::NoMarker).is_err());
    }

    #[test]
    fn the_symbols_of_a_real_program_are_found() {
        let own = symbols_of(&std::env::current_exe().unwrap()).unwrap();
        assert!(own.contains("main"));
        assert!(!own.contains("pcpu_probe_map"));
    }
}
