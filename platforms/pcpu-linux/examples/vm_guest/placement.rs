// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pages lie on the node that was asked for, as far as the kernel itself says.
#![allow(unsafe_code)]

use std::path::Path;
use std::ptr;

use pcpu_layout::{NodeId, PageCount};
use pcpu_linux::Linux;
use pcpu_platform::{Addr, Effort, Frames};

/// Takes pages for each node in turn, from a thread that stays where it is.
pub fn nodes() -> Result<String, String> {
    const EACH: usize = 50;
    if !Path::new("/sys/devices/system/node/node1").exists() {
        return Ok("one node, nothing to choose".to_owned());
    }
    let machine = Linux::builder().address_space(64 << 20).build();
    let machine = machine.map_err(|error| error.to_string())?;
    let page = machine.page_size();
    let nodes = [0, 1];
    for node in nodes.into_iter().cycle().take(2 * EACH) {
        let run =
            machine.take_run(PageCount::new(1), page, Some(NodeId::new(node)), Effort::Normal);
        let run = run.map_err(|error| error.to_string())?;
        let lies_on = node_of(run)?;
        // SAFETY: taken above, and used by nobody.
        unsafe { machine.give_run(run, PageCount::new(1)) };
        if lies_on != node as i32 {
            return Err(format!("a page for node {node} lies on node {lies_on}"));
        }
    }
    Ok(format!("{EACH} pages on each of {} nodes", nodes.len()))
}

/// Asks the kernel.
fn node_of(at: Addr) -> Result<i32, String> {
    const MPOL_F_NODE: libc::c_int = 1;
    const MPOL_F_ADDR: libc::c_int = 2;
    let mut node: libc::c_int = -1;
    // SAFETY: writes the number of the node.
    let done = unsafe {
        libc::syscall(
            libc::SYS_get_mempolicy,
            &raw mut node,
            ptr::null_mut::<usize>(),
            0,
            at.get(),
            MPOL_F_NODE | MPOL_F_ADDR,
        )
    };
    if done == 0 { Ok(node) } else { Err(std::io::Error::last_os_error().to_string()) }
}
