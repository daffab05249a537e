// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command as a person meets it: what it prints, and how it refuses.
//!
//! `tests/cmd` holds sessions with their exact output. Here is what takes a file too large or too
//! odd to keep.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const BUILT_IN: &[u8] = include_bytes!("../traces/boot612-numa8.trace.zst");

fn pcpu(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pcpu"));
    command.arg("replay").args(["--platform", "sim"]).args(args);
    command
}

fn replay(trace: &Path) -> Output {
    pcpu(&[]).arg(trace).output().unwrap()
}

/// Replays a file that cannot be read, and returns the last line of what is said about it.
fn refusal(bytes: &[u8]) -> String {
    let dir = TempDir::new().unwrap();
    let trace = dir.path().join("trace");
    fs::write(&trace, bytes).unwrap();
    let output = replay(&trace);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let name = format!("pcpu: {}", trace.display());
    said.trim_end().strip_prefix(&name).unwrap_or_else(|| panic!("{said}")).to_owned()
}

fn piped(args: &[&str], text: &[u8]) -> Output {
    let mut command = pcpu(args);
    command.arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn sessions_print_what_they_printed() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}

#[test]
fn a_file_cut_short_is_damaged() {
    let said = refusal(&BUILT_IN[..BUILT_IN.len() / 2]);
    assert!(said.contains("zstd data is damaged, cut short"), "{said}");
}

#[test]
fn binary_files_are_no_traces() {
    let junk: Vec<u8> = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert!(refusal(&junk).starts_with(":1:"));
    assert!(refusal(&[0; 100]).starts_with(":1:1: byte of value 0"));
    let own = fs::read(env!("CARGO_BIN_EXE_pcpu")).unwrap();
    assert!(refusal(&own).starts_with(":1:"));
}

#[test]
fn a_line_of_ten_megabytes_is_refused_by_its_number() {
    let mut text = b"a 1 8 8\n".to_vec();
    text.resize(10 << 20, b'f');
    assert!(refusal(&text).starts_with(":2:65537: line is longer than 65536 bytes"));
}

#[test]
fn numbers_over_64_bits_are_refused_by_line_and_column() {
    let said = refusal(b"a 1 8 8\nf 1\n\na 2 18446744073709551616 8\n");
    assert!(said.starts_with(":4:5: SIZE `18446744073709551616` is over 64 bits"), "{said}");
}

#[test]
fn a_directory_and_a_missing_file_are_no_traces() {
    let dir = TempDir::new().unwrap();
    let output = replay(dir.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("is a directory"));
    assert_eq!(replay(&dir.path().join("nothing")).status.code(), Some(2));
}

#[test]
fn the_largest_numbers_are_requests_and_are_refused() {
    let text = b"a 18446744073709551615 18446744073709551615 18446744073709551615\n\
                 f 18446744073709551615\na 1 18446744073709551615 9223372036854775808 atomic\n\
                 a 2 0 8\na 3 9223372036854775808 1\n";
    let output = piped(&["--json", "--smp", "--cpus", "2"], text);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for cell in answer["cells"].as_array().unwrap() {
        let refused = ["failures", "failures_atomic", "failures_invalid"].map(|name| &cell[name]);
        assert_eq!(refused, [4, 1, 4], "{cell}");
        assert_eq!((&cell["nr_alloc"], &cell["verified"]), (&0.into(), &true.into()));
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let mut child = pcpu(&["--up"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn each_set_up_page_size_and_way_of_balancing_passes_its_checks() {
    let text = fs::read("tests/cmd/small.in/small.txt").unwrap();
    for args in [
        "--balance manual",
        "--setup page --cpus 3",
        "--page-size 256 --static 1000 --atom 256 --cpus 2",
        "--page-size 64K --max-area 128K --reserved 8K --nodes 4",
        "--smp --mmu --cpus 70 --nodes 3",
    ] {
        let words: Vec<&str> = args.split(' ').chain(["--json"]).collect();
        let output = piped(&words, &text);
        assert_eq!(output.status.code(), Some(0), "{args}: {output:?}");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for cell in answer["cells"].as_array().unwrap() {
            assert_eq!(cell["verified"], true, "{args}: {cell}");
            assert_eq!(cell["wasted_pages"], 0, "{args}: {cell}");
            let checked = cell["cpus"].as_u64().unwrap().min(64);
            assert_eq!(cell["verified_cpus"], checked, "{args}: {cell}");
        }
    }
}

/// A chunk's worth of pages is freed, more than is kept; and atomic requests fail.
#[test]
fn no_more_than_the_high_mark_stays_behind_in_any_geometry() {
    let freed = b"a 1 32768 4096\nf 1\n";
    let atomic = b"a 1 32768 4\na 2 30000 4 atomic\na 3 32768 4\na 4 32768 4 atomic\n";
    for args in [
        "--smp --mmu",
        "--smp --mmu --cpus 1",
        "--smp --mmu --page-size 16K",
        "--smp --mmu --setup page",
        "--cpus 2 --atom 4K",
        "--static 0 --cpus 4",
        "--balance manual",
    ] {
        let words: Vec<&str> = args.split(' ').collect();
        for text in [&freed[..], atomic] {
            let output = piped(&words, text);
            assert_eq!(output.status.code(), Some(0), "{args}: {output:?}");
            assert!(output.stderr.is_empty(), "{args}: {output:?}");
        }
    }
}

#[test]
fn the_answer_fits_a_terminal_of_100_columns() {
    let refusals = b"a 1 0 8\na 2 32768 4 atomic\na 3 32768 4 atomic\na 4 32768 4 atomic\n";
    for (args, text) in [(&[][..], BUILT_IN), (&["--cpus", "512", "--page-size", "256"], refusals)]
    {
        let output = piped(args, text);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let answer = String::from_utf8(output.stdout).unwrap();
        for line in answer.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        assert_eq!(answer.contains("refused"), text == refusals, "{answer}");
    }
}

/// Names are a contract.
#[test]
#[cfg(target_os = "linux")]
fn measurements_for_programs_have_the_fields_that_programs_know() {
    let args = ["bench", "--quick", "--json", "read", "p5"];
    let output = Command::new(env!("CARGO_BIN_EXE_pcpu")).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let fields = |value: &serde_json::Value| {
        let fields = value.as_object().unwrap().keys().cloned();
        let mut fields: Vec<_> = fields.collect();
        fields.sort_unstable();
        fields.join(" ")
    };
    assert_eq!(fields(&answer), "machine mode rows");
    assert!(answer["mode"] == "rseq-cpu-id" || answer["mode"] == "fallback", "{answer}");
    let rows = answer["rows"].as_array().unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["read", "P5", "P5-24", "P5-40", "P5-136"]);
    for row in rows {
        let expected = "better id met ours peer peers ratio rounds spread target unit what";
        assert_eq!(fields(row), expected);
        assert_eq!(row["peer"], row["peers"][0]["name"]);
        let ratio = number_of(row, "ours") / number_of(&row["peers"][0], "value");
        assert!((number_of(row, "ratio") / ratio - 1.0).abs() < 0.01, "{row}");
        assert_eq!(row["rounds"], 3);
        match row["target"].as_f64() {
            Some(target) => assert_eq!(row["met"], number_of(row, "ratio") <= target),
            None => assert!(row["met"].is_null()),
        }
    }
    // What an item takes is no matter of luck: its copies, and little else.
    assert!(number_of(&rows[1], "ratio") < 1.5 && number_of(&rows[1], "ratio") >= 1.0);
}

#[cfg(target_os = "linux")]
fn number_of(row: &serde_json::Value, field: &str) -> f64 {
    row[field].as_f64().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn real_memory_and_the_simulator_place_alike() {
    let offsets = |platform| {
        let args = ["replay", "--platform", platform, "--json", "--offsets", "--cpus", "3"];
        let output = Command::new(env!("CARGO_BIN_EXE_pcpu")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let cells = answer["cells"].as_array().unwrap();
        assert!(cells.iter().all(|cell| cell["offsets"].as_array().unwrap().len() == 11380));
        cells.iter().map(|cell| cell["offsets"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(offsets("linux"), offsets("sim"));
}
