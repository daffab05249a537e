// SPDX-License-Identifier: MIT OR Apache-2.0
//! No base register: boards find a CPU's block by the number of the core, and nothing is installed.

/// Nothing.
#[derive(Debug)]
pub(crate) struct Installed;

impl Installed {
    pub(crate) const fn new() -> Self {
        Self
    }
}
