// SPDX-License-Identifier: MIT OR Apache-2.0
//! Functions in a compiler's assembly, and what remains of them when all that differs from build to
//! build is taken away: numbers of labels, hashes in names, places in the source.
//!
//! A sequence puts its descriptor and its abort handler into sections of their own. These lines are
//! kept, behind a bar: they say where a range begins and ends.

use std::collections::{HashMap, HashSet};

/// A function.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its path.
    pub name: String,
    /// Labels at the margin, instructions after two blanks, lines of other sections after a bar.
    pub lines: Vec<String>,
}

/// Where the functions of the example are.
const CRATE: &str = "codegen::";

/// Directives that make bytes.
const DATA: &[&str] = &[".byte", ".long", ".word", ".quad", ".xword", ".inst", ".ascii"];

/// Finds the example's functions, by name.
pub fn functions(assembly: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let mut lines = assembly.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_suffix(':').filter(|label| !label.starts_with('.')) else {
            continue;
        };
        let name = demangled(name);
        if name.starts_with(CRATE) {
            let body = lines.by_ref().take_while(|line| !line.starts_with(".Lfunc_end"));
            functions.push(Function { name, lines: normalised(body) });
        }
    }
    functions.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    functions
}

impl Function {
    /// How many instructions there are from the first label that is jumped back to, up to that jump.
    pub fn loop_len(&self) -> Option<usize> {
        let mut labels = HashMap::new();
        let mut nr = 0;
        for line in &self.lines {
            if let Some(label) = line.strip_suffix(':') {
                labels.insert(label, nr);
            } else if let Some(instruction) = line.strip_prefix("  ") {
                nr += 1;
                let target = instruction.split_whitespace().last().unwrap_or_default();
                if let Some(start) = labels.get(target) {
                    return Some(nr - start);
                }
            }
        }
        None
    }
}

fn normalised<'a>(body: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut in_text = true;
    for line in body {
        let line = without_comment(line).trim();
        if let Some(section) = line.strip_prefix(".section") {
            in_text = section.trim().starts_with(".text");
        } else if let Some(label) = line.strip_suffix(':') {
            kept.push(Kept::Label(label.to_owned()));
        } else if !line.starts_with('.') && !line.is_empty() {
            let bar = if in_text { "  " } else { "| " };
            kept.push(Kept::Line(bar, with_demangled_names(line)));
        } else if !in_text && DATA.iter().any(|directive| line.starts_with(directive)) {
            kept.push(Kept::Line("| ", line.replace('\t', " ")));
        }
    }
    renumbered(&kept)
}

enum Kept {
    Label(String),
    Line(&'static str, String),
}

/// Gives labels numbers in the order in which they stand, and leaves out those that nobody names.
fn renumbered(kept: &[Kept]) -> Vec<String> {
    let named: HashSet<&str> = kept
        .iter()
        .filter_map(|it| if let Kept::Line(_, text) = it { Some(words(text)) } else { None })
        .flatten()
        .collect();
    let mut numbers = HashMap::new();
    for it in kept {
        if let Kept::Label(label) = it
            && named.contains(&**label)
        {
            numbers.insert(&**label, format!(".{}", numbers.len() + 1));
        }
    }
    let lines = kept.iter().filter_map(|it| match it {
        Kept::Label(label) => Some(format!("{}:", numbers.get(&**label)?)),
        Kept::Line(bar, text) => Some(format!(
            "{bar}{}",
            replaced(text, |word| {
                let anonymous = word.starts_with(".Lanon.").then(|| ".Lanon".to_owned());
                numbers.get(word).cloned().or(anonymous)
            })
        )),
    });
    lines.collect()
}

fn with_demangled_names(line: &str) -> String {
    let line = line.replace('\t', " ");
    replaced(&line, |word| {
        (word.starts_with("_ZN") || word.starts_with("_R")).then(|| demangled(word))
    })
}

fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// From `#` or `//` on, where that does not begin a number.
fn without_comment(line: &str) -> &str {
    let ends = line.match_indices(['#', '/']).map(|(at, _)| at);
    let begins_comment = |at: &usize| {
        let rest = &line[*at..];
        rest.starts_with("//")
            || rest.starts_with("# ")
            || rest.starts_with("#APP")
            || rest.starts_with("#NO_APP")
    };
    let mut ends = ends.filter(begins_comment);
    ends.next().map_or(line, |end| &line[..end])
}

fn is_of_name(it: char) -> bool {
    it.is_ascii_alphanumeric() || "_.$".contains(it)
}

/// The names in a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|it| !is_of_name(it)).filter(|word| !word.is_empty())
}

/// The line with other names for some.
fn replaced(line: &str, other: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(begin) = rest.find(is_of_name) {
        let (before, from) = rest.split_at(begin);
        let end = from.find(|it| !is_of_name(it)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        text += before;
        text += &other(word).unwrap_or_else(|| word.to_owned());
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSEMBLY: &str = "\
\t.section\t.text._ZN7codegen8add_loop17h0123456789abcdefE,\"ax\",@progbits
_ZN7codegen8add_loop17h0123456789abcdefE:
.Lfunc_begin43:
\t.cfi_startproc
\ttest\trsi, rsi
\tje\t.LBB43_5
\t.p2align\t4
.LBB43_2:
.Ltmp717:
\tmov\trax, qword ptr [rbp]
\t#APP
.Ltmp719:
\tlea\trdx, [rip + .Ltmp720]
.Ltmp721:
\tjs\t.LBB43_3
.Ltmp722:
\t.section\t__rseq_cs,\"aw\",@progbits
.Ltmp720:
\t.quad\t.Ltmp721
\t.quad\t.Ltmp722-.Ltmp721
\t.section\t.text._ZN7codegen8add_loop17h0123456789abcdefE,\"ax\",@progbits
\t#NO_APP
\tjne\t.LBB43_2
\tjmp\t.LBB43_5
.LBB43_3:
\tcall\t_ZN10pcpu_linux5local6copies15Copies$LT$B$GT$3add9otherwise17hf26f81d587ee25c1E
\tlea\trcx, [rip + .Lanon.3cf3e5858585a7fcbf8c35c2941450da.17]
\tjne\t.LBB43_2
.LBB43_5:
\tret
.Lfunc_end43:
_ZN4core3fmt9Formatter3pad17h0123456789abcdefE:
\tret
.Lfunc_end44:
";

    #[test]
    fn what_differs_from_build_to_build_is_gone() {
        let functions = functions(ASSEMBLY);
        assert_eq!(functions.len(), 1);
        assert_eq!(functions[0].name, "codegen::add_loop");
        let expected = [
            "  test rsi, rsi",
            "  je .6",
            ".1:",
            "  mov rax, qword ptr [rbp]",
            "  lea rdx, [rip + .4]",
            ".2:",
            "  js .5",
            ".3:",
            ".4:",
            "| .quad .2",
            "| .quad .3-.2",
            "  jne .1",
            "  jmp .6",
            ".5:",
            "  call pcpu_linux::local::copies::Copies<B>::add::otherwise",
            "  lea rcx, [rip + .Lanon]",
            "  jne .1",
            ".6:",
            "  ret",
        ];
        assert_eq!(functions[0].lines, expected);
    }

    #[test]
    fn a_loop_ends_with_the_first_jump_back() {
        // mov, lea, js, jne: lines of other sections are no instructions of it.
        assert_eq!(functions(ASSEMBLY)[0].loop_len(), Some(4));
        let straight = Function { name: String::new(), lines: vec!["  ret".to_owned()] };
        assert_eq!(straight.loop_len(), None);
    }

    #[test]
    fn comments_of_every_processor_end_a_line_and_numbers_do_not() {
        assert_eq!(without_comment("\tadd x0, x0, #8 // eight"), "\tadd x0, x0, #8 ");
        assert_eq!(without_comment("\tinc rax # one"), "\tinc rax ");
        assert_eq!(without_comment("\t//APP"), "\t");
    }
}
