// SPDX-License-Identifier: MIT OR Apache-2.0
//! A type with a lifetime shorter than the program's cannot be named at all.

fn of<'a>(_: &'a str) {
    pcpu::statics! {
        static TEXT: &'a str = "";
    }
}

fn main() {
    of("");
}
