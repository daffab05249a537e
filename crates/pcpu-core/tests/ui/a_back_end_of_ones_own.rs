// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nobody can add a back end: what it would have to implement first cannot be named.

struct Mine;

impl pcpu_core::backend::sealed::Sealed for Mine {}

fn main() {}
