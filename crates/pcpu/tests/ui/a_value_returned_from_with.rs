// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reference that outlived the lock would be shared without one.

use std::cell::RefCell;

use pcpu::PerCpu;

fn main() {
    let lists = PerCpu::new(RefCell::new(vec![1])).unwrap();
    let list = lists.with(|list| list);
    list.borrow_mut().push(2);
}
