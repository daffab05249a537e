// SPDX-License-Identifier: MIT OR Apache-2.0
//! Static variables by the process's own pool: the same operations, without naming a pool.
#![allow(unsafe_code)]

use pcpu_layout::CpuId;
use pcpu_linux::local::Copies;

use super::pool::Pool;
use super::scalar::{Number, Scalar};
use super::this::This;
use crate::Static;
use crate::statics::Definition;

impl<K: Definition> Static<K>
where
    K::Value: Scalar,
{
    /// Returns the running CPU's copy in the [process's own pool](Pool::global).
    ///
    /// # Context
    /// As for [`This`]; the first use of that pool makes it, and may sleep.
    ///
    /// # Panics
    /// When that pool cannot be made, or the static is one of another object (a library that was loaded
    /// later and brought a copy of this crate of its own has a pool of its own, too).
    ///
    /// # Examples
    /// ```
    /// use std::sync::atomic::AtomicU64;
    ///
    /// pcpu::statics! { static SERVED: AtomicU64 = AtomicU64::new(0); }
    ///
    /// SERVED.this_cpu().inc();
    /// assert_eq!(SERVED.sum(), 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn this_cpu(&self) -> This<'static, K::Value> {
        let pool = global();
        let area = pool.home.pcpu.area_of::<K>().expect("a static of this object");
        let copies = Copies::new(area, &pool.home.table);
        // SAFETY: T1: the copies of a static are initialised before their CPU is in the table, live
        // as long as the pool, which is for ever, and are lent as shared references alone.
        unsafe { This::new(copies, &*pool.home) }
    }

    /// Lists the copies in the [process's own pool](Pool::global), with their CPUs.
    ///
    /// # Panics
    /// As for [`this_cpu`](Self::this_cpu).
    #[track_caller]
    pub fn iter(&self) -> impl Iterator<Item = (CpuId, &'static K::Value)> + '_ {
        let pool = global();
        pool.cpus().filter_map(|cpu| Some((cpu, self.on(&pool.home.pcpu, cpu)?)))
    }

    /// Returns the sum of all copies in the [process's own pool](Pool::global), wrapping.
    ///
    /// # Panics
    /// As for [`this_cpu`](Self::this_cpu).
    #[track_caller]
    pub fn sum(&self) -> <K::Value as Scalar>::Value
    where
        K::Value: Number,
    {
        let zero = <K::Value as Number>::ZERO;
        self.iter().fold(zero, |sum, (_, copy)| K::Value::wrapping_add(sum, copy.peek()))
    }
}

#[track_caller]
fn global() -> &'static Pool {
    match Pool::global() {
        Ok(pool) => pool,
        Err(error) => panic!("the process's pool of per-CPU memory could not be made: {error}"),
    }
}
