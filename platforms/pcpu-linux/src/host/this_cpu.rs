// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations on one's own copy, by the locks of [`Pins`](crate::pins::Pins).
#![allow(unsafe_code)]

use super::machine::Machine;
use crate::pins::this_cpu_by_lock;

// SAFETY: handles share their pins; what runs the thread is stood for by a possible CPU; `current`
// asks the pins first.
this_cpu_by_lock!(unsafe impl<C> for Machine<C>);

#[cfg(test)]
mod tests {
    use pcpu_layout::CpuId;
    use pcpu_platform::{Cpus, ThisCpu};

    use crate::Linux;

    #[test]
    fn a_pinned_thread_that_pins_again_stays_on_its_cpu() {
        let machine = Linux::builder().cpus(3).build().unwrap();
        machine.pinned(|outer| {
            assert_eq!(machine.current(), outer);
            machine.clone().pinned(|inner| assert_eq!(inner, outer));
            assert_eq!(machine.pins().pinned_to(), Some(outer));
        });
        assert_eq!(machine.pins().pinned_to(), None);
    }

    #[test]
    fn pins_on_two_machines_do_not_meet() {
        let one = Linux::builder().cpus(1).build_uni().unwrap();
        let two = Linux::builder().cpus(1).build_uni().unwrap();
        one.pinned(|_| {
            assert_eq!(two.pins().pinned_to(), None);
            two.pinned(|_| assert!(one.pins().pinned_to().is_some()));
            assert_eq!(two.pins().pinned_to(), None);
        });
    }

    #[test]
    fn a_panic_unpins() {
        let machine = Linux::builder().cpus(1).build_uni().unwrap();
        let body = || machine.pinned(|_| panic!("the body failed"));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        assert!(caught.is_err());
        std::thread::scope(|scope| {
            scope.spawn(|| machine.pinned(|cpu| assert_eq!(cpu, CpuId::new(0))));
        });
    }
}
