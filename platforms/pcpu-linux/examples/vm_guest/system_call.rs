// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system call that registers a thread for restartable sequences: whether the kernel has it.
#![allow(unsafe_code)]

use std::io::Error;
use std::ptr;

/// Registers nothing, which a kernel that knows the call refuses and another one does not know.
pub fn rseq_is_known() -> Result<String, String> {
    let nothing = ptr::null_mut::<libc::c_void>();
    // SAFETY: the kernel reads and writes only an area that it accepts, and no area is at address
    // zero with a length of zero. On refusal nothing is remembered.
    let answer = unsafe { libc::syscall(libc::SYS_rseq, nothing, 0_u32, 0_i32, 0_u32) };
    match (answer, Error::last_os_error()) {
        (-1, error) if error.raw_os_error() == Some(libc::EINVAL) => {
            Ok("known to the kernel, which refuses an area of no length".to_owned())
        }
        (-1, error) => Err(format!("the kernel says: {error}")),
        (answer, _) => Err(format!("the kernel accepted an area of no length: {answer}")),
    }
}
