// SPDX-License-Identifier: MIT OR Apache-2.0
//! valgrind, which counts instructions.

use super::apt::Packages;
use super::system::System;
use super::{Need, Way};
use crate::instructions::{MADE_FOR_THIS, look_for_valgrind as look};
use crate::site::Site;
use crate::stages::CALLGRIND;

/// What to type where there is no apt.
const ELSEWHERE: &[(&str, &str)] = &[
    ("fedora", "dnf install valgrind"),
    ("arch", "pacman -S valgrind"),
    ("alpine", "apk add valgrind"),
    ("suse", "zypper install valgrind"),
];

/// valgrind, unless it is there or would not be used.
pub fn need(site: &Site, system: &System) -> Option<Need> {
    let lack = look(site).err().filter(|_| MADE_FOR_THIS)?;
    let way = match system.apt() {
        Some(root) => Way::Packages(Packages { root, names: vec!["valgrind"], look }),
        None => {
            let advice = system.advice(ELSEWHERE, "install valgrind".to_owned());
            Way::ByHand(format!("{lack}; {advice}"))
        }
    };
    Some(Need { what: "valgrind, which counts instructions", stages: &[CALLGRIND], way })
}
