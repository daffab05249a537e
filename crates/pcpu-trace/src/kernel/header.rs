// SPDX-License-Identifier: MIT OR Apache-2.0
//! Headers: what a tool prints before the events.
//!
//! | tool | lines | says |
//! |---|---|---|
//! | `trace` of tracefs | `# tracer: nop`, `# entries-in-buffer/entries-written: 9/12   #P:8` | CPUs, overwritten events |
//! | `trace-cmd report` | `cpus=8` | CPUs |
//! | `perf script --header` | `# nrcpus online : 8` | CPUs |
//! | `trace_pipe`, `perf script` | none | |

/// What one line of a header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeaderLine {
    pub(crate) cpus: Option<u32>,
    /// Events that the ring buffer overwrote before they were read.
    pub(crate) lost: u64,
}

/// What the line says if it is one of a header's.
pub(crate) fn parse(line: &[u8]) -> Option<HeaderLine> {
    if !matches!(line.first()?, b'#' | b'c') {
        return None;
    }
    let line = std::str::from_utf8(line).ok()?.trim_end();
    if let Some(cpus) = line.strip_prefix("cpus=") {
        let cpus = Some(cpus.parse().ok()?);
        return Some(HeaderLine { cpus, lost: 0 });
    }

    let comment = line.strip_prefix('#')?.trim_start();
    if let Some(rest) = comment.strip_prefix("entries-in-buffer/entries-written:") {
        return Some(entries(rest));
    }
    if let Some(rest) = comment.strip_prefix("nrcpus online :") {
        let cpus = Some(rest.trim().parse().ok()?);
        return Some(HeaderLine { cpus, lost: 0 });
    }
    let known = comment.starts_with("tracer:") || comment.starts_with("TASK-PID");
    known.then(HeaderLine::default)
}

/// Reads `IN-BUFFER/WRITTEN   #P:CPUS`; what cannot be read says nothing.
fn entries(text: &str) -> HeaderLine {
    let mut words = text.split_whitespace();
    let counts = words.next().and_then(|word| word.split_once('/'));
    let lost = counts.and_then(|(held, written)| {
        let (held, written): (u64, u64) = (held.parse().ok()?, written.parse().ok()?);
        Some(written.saturating_sub(held))
    });
    let cpus = words.find_map(|word| word.strip_prefix("#P:")?.parse().ok());
    HeaderLine { cpus, lost: lost.unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_s_header_is_known() {
        let said = |line: &str| parse(line.as_bytes()).map(|header| (header.cpus, header.lost));
        assert_eq!(said("# tracer: nop"), Some((None, 0)));
        assert_eq!(said("# entries-in-buffer/entries-written: 90/100   #P:8"), Some((Some(8), 10)));
        assert_eq!(said("#           TASK-PID     CPU#  |||||"), Some((None, 0)));
        assert_eq!(said("cpus=64"), Some((Some(64), 0)));
        assert_eq!(said("# nrcpus online : 4"), Some((Some(4), 0)));
    }

    #[test]
    fn any_other_comment_is_no_header() {
        for line in ["# a trace", "#", "#P:8", "cpus=many", "cpus=1 2", "a 1 2 3", ""] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn odd_entry_counts_say_nothing() {
        let line = b"# entries-in-buffer/entries-written: 100/90 #P:x";
        assert_eq!(parse(line), Some(HeaderLine::default()));
    }
}
