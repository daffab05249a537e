// SPDX-License-Identifier: MIT OR Apache-2.0
//! `PerCpu<T>`: a value with a copy on every CPU.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::panic::{RefUnwindSafe, UnwindSafe};
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use pcpu_core::{Kept, Request};
use pcpu_layout::CpuId;
use pcpu_linux::local::{By, Copies, Cpu};
use zerocopy::FromZeros;

use super::error::NewError;
use super::field::Field;
use super::home::{Area, Home};
use super::owner::{Constructor, Owner};
use super::pool::Pool;
use super::scalar::{Number, Scalar};
use super::this::This;

/// A value with a copy on every CPU that uses it.
///
/// There are three ways to a copy:
///
/// | way | to what | for which `T` | costs |
/// |---|---|---|---|
/// | [`this_cpu`](Self::this_cpu) | the running CPU's, operation by operation | atomics, and [fields](Self::this_cpu_field) and [elements](Self::this_cpu_item) that are | about a third of an atomic addition |
/// | [`with`](Self::with), [`for_each`](Self::for_each) | the running CPU's, all of them; alone | `Send` | a lock that is rarely contended |
/// | [`get`](Self::get), [`iter`](Self::iter) | any CPU's, while it is in use | `Sync` | an addition |
///
/// A copy comes to be when its CPU uses it first: of zeros ([`zeroed`](Self::zeroed)), of a clone
/// ([`new`](Self::new)), or by a function that is told the CPU ([`from_fn`](Self::from_fn)). CPUs that
/// never do cost addresses. Dropping the `PerCpu` drops every copy there is.
///
/// Which threads use which copy is [the mode](crate::mode())'s business: with restartable
/// sequences it is exactly the CPU's, without them that of the CPU the thread was on a moment ago.
/// The results are the same.
///
/// # Signal handlers
/// [`this_cpu`](Self::this_cpu) operations may be used in them: on a CPU that the process has used
/// already they wait for nothing. On another one the copy is made first, by system calls and under
/// locks, also where the handler has interrupted a pool's own work; a value of [`from_fn`](Self::from_fn)
/// or [`new`](Self::new) calls its function then. (The locks are those of `parking_lot`. A handler that
/// interrupts its thread in the midst of waiting for another lock of that kind, finds a CPU that was
/// never used, and meets a thread that is allocating, could wait for ever: where that matters, use the
/// value on each CPU before.) Everything else here is not for handlers.
///
/// # Examples
/// ```
/// use std::sync::atomic::AtomicU64;
/// use std::thread;
/// use pcpu::PerCpu;
///
/// let hits = PerCpu::<AtomicU64>::zeroed()?;
/// thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| (0..1000).for_each(|_| hits.this_cpu().inc()));
///     }
/// });
/// assert_eq!(hits.sum(), 4000);
/// # Ok::<(), pcpu::NewError>(())
/// ```
pub struct PerCpu<T, B: By = Cpu> {
    /// Borrows from `owner`, which stays as long: `Drop` is the end of both.
    copies: Copies<'static, B>,
    owner: Owner<T>,
    /// Taken when dropped.
    area: Option<Kept>,
    values: PhantomData<T>,
}

// SAFETY: copies are `T`s that are dropped with this: `T: Send`. All else may be sent.
unsafe impl<T: Send, B: By> Send for PerCpu<T, B> {}
// SAFETY: shared, it lends a copy to one thread at a time (`with`, under the copy's lock: `T: Send`),
// or to several where `T: Sync` is asked for (`get`, `iter`, and `this_cpu`, whose scalars are).
// A copy is made on the thread that wants it, by a function that is `Sync`: `T: Send`.
unsafe impl<T: Send, B: By> Sync for PerCpu<T, B> {}
impl<T: UnwindSafe, B: By> UnwindSafe for PerCpu<T, B> {}
impl<T: RefUnwindSafe, B: By> RefUnwindSafe for PerCpu<T, B> {}

impl<T: FromZeros + Send> PerCpu<T> {
    /// Makes a value whose copies start as zeros, in the process's own pool.
    ///
    /// # Context
    /// May sleep.
    ///
    /// # Errors
    /// [`NewError`].
    pub fn zeroed() -> Result<Self, NewError> {
        Self::zeroed_in(Pool::global().map_err(NewError::Pool)?)
    }
}

impl<T: Send + 'static> PerCpu<T> {
    /// Makes a value whose copies start as clones of `value`, in the process's own pool.
    ///
    /// # Context
    /// May sleep. Clones are made when a CPU wants its copy first.
    ///
    /// # Errors
    /// [`NewError`].
    ///
    /// # Examples
    /// ```
    /// use std::cell::RefCell;
    /// use pcpu::PerCpu;
    ///
    /// let scratch = PerCpu::new(RefCell::new(vec![0_u8; 16]))?;
    /// scratch.with(|scratch| scratch.borrow_mut()[3] = 1);
    /// # Ok::<(), pcpu::NewError>(())
    /// ```
    pub fn new(value: T) -> Result<Self, NewError>
    where
        T: Clone,
    {
        Self::new_in(Pool::global().map_err(NewError::Pool)?, value)
    }

    /// Makes a value whose copies are what `constructor` returns for their CPU, in the process's own
    /// pool.
    ///
    /// # Context
    /// May sleep. The constructor runs when a CPU wants its copy first, on that thread. If it
    /// panics, so does whoever wanted the copy, and there is none until somebody wants it again.
    /// It must not use the value it constructs.
    ///
    /// # Errors
    /// [`NewError`].
    pub fn from_fn(
        constructor: impl Fn(CpuId) -> T + Send + Sync + 'static,
    ) -> Result<Self, NewError> {
        Self::from_fn_in(Pool::global().map_err(NewError::Pool)?, constructor)
    }
}

impl<T: Send, B: By> PerCpu<T, B> {
    /// As [`zeroed`](PerCpu::zeroed), in a pool of one's own.
    ///
    /// # Errors
    /// [`NewError::Alloc`].
    pub fn zeroed_in(pool: &Pool<B>) -> Result<Self, NewError>
    where
        T: FromZeros,
    {
        Self::make(&pool.home, None)
    }

    /// As [`new`](PerCpu::new), in a pool of one's own.
    ///
    /// # Errors
    /// [`NewError::Alloc`].
    pub fn new_in(pool: &Pool<B>, value: T) -> Result<Self, NewError>
    where
        T: Clone + 'static,
    {
        // Cloned by one thread at a time, which `Send` suffices for, and a lock says.
        let value = std::sync::Mutex::new(value);
        Self::from_fn_in(pool, move |_| {
            let value = value.lock();
            // A clone that panicked has not changed it.
            value.unwrap_or_else(std::sync::PoisonError::into_inner).clone()
        })
    }

    /// As [`from_fn`](PerCpu::from_fn), in a pool of one's own.
    ///
    /// # Errors
    /// [`NewError::Alloc`].
    pub fn from_fn_in(
        pool: &Pool<B>,
        constructor: impl Fn(CpuId) -> T + Send + Sync + 'static,
    ) -> Result<Self, NewError>
    where
        T: 'static,
    {
        Self::make(&pool.home, Some(Box::new(constructor)))
    }

    /// Takes an area; without a constructor only where zeros are a `T`.
    fn make(home: &Arc<Home>, constructor: Option<Box<Constructor<T>>>) -> Result<Self, NewError> {
        let layout = Layout::new::<T>();
        // An area has a byte at least, so that a copy has an address.
        let kept = home.alloc(Request::new(layout.size().max(1), layout.align()))?;
        let area = Home::address(&kept);
        let home = Arc::clone(home);
        let owner = match constructor {
            None => Owner::zeroed(home, area),
            Some(constructor) => Owner::constructed(home, area, constructor),
        };
        // SAFETY: kept beside the owner, and not used after it.
        let copies = unsafe { owner.lasting_copies() };
        Ok(Self { copies, owner, area: Some(kept), values: PhantomData })
    }

    /// Runs `body` on the running CPU's copy, alone: no other thread is in `with` or `for_each` at
    /// that copy, nor at any other copy of that CPU in this pool, until it returns.
    ///
    /// The thread may be moved to another CPU meanwhile; the copy stays its own. May be nested, for
    /// this and other values of the pool, and then means the same CPU's copies: hence a shared
    /// reference, and values that change through `Cell`, `RefCell` or atomics.
    ///
    /// # Context
    /// Waits for whoever is at this CPU's copies. `body` should be short. Nested on values of *different*
    /// pools it takes their locks one after the other, in the order in which it is nested: two threads
    /// that nest in opposite orders can wait for each other.
    ///
    /// After `fork` the child has no threads but one, and what others were in the middle of stays as it
    /// was: `with` takes another CPU's copies there, for good.
    ///
    /// # Panics
    /// When `body` or the copy's constructor does.
    pub fn with<R>(&self, body: impl FnOnce(&T) -> R) -> R {
        self.owner.home.on_this::<B, R>(|index| {
            // SAFETY: initialised, and there as long as `self`. Whoever has a reference meanwhile
            // came through the lock of this copy, which is this thread's; or through `get`, `iter`
            // or `this_cpu`, which ask for `Sync`; nobody has a mutable one, for `self` is shared.
            body(unsafe { &*self.owner.copy_made(index) })
        })
    }

    /// Runs `body` on one CPU's copy, as [`with`](Self::with) does on the running one's. `None` if that
    /// CPU has none yet.
    ///
    /// # Panics
    /// In the middle of [`with`](Self::with) or the like on another CPU's copies of this pool: two
    /// threads that do so could wait for each other.
    pub fn with_cpu<R>(&self, cpu: CpuId, body: impl FnOnce(&T) -> R) -> Option<R> {
        let index = self.owner.home.index_of(cpu);
        self.owner.home.refuse_others(index);
        let index = index?;
        let copy = self.owner.whole_copy(index)?;
        // SAFETY: as in `with`.
        Some(self.owner.home.on(index, |_| body(unsafe { &*copy })))
    }

    /// Runs `body` on every copy there is, one after the other, each as [`with`](Self::with) does.
    ///
    /// # Panics
    /// In the middle of [`with`](Self::with) or the like on copies of this pool, whichever.
    pub fn for_each(&self, mut body: impl FnMut(CpuId, &T)) {
        self.owner.home.refuse_others(None);
        for (cpu, index, copy) in self.owner.whole_copies() {
            // SAFETY: as in `with`.
            self.owner.home.on(index, |_| body(cpu, unsafe { &*copy }));
        }
    }

    /// Returns a CPU's copy, which that CPU uses at the same time. `None` if it has none yet.
    ///
    /// To be read. What is changed through it, by `fetch_add` say, while the CPU changes it by
    /// [`this_cpu`](Self::this_cpu) operations may be lost: those are plain loads and stores, atomic only on
    /// their own CPU.
    pub fn get(&self, cpu: CpuId) -> Option<&T>
    where
        T: Sync,
    {
        let copy = self.owner.copy(self.owner.home.index_of(cpu)?)?;
        // SAFETY: initialised, and there as long as `self`; shared with others, which `Sync` allows;
        // never mutable while `self` is shared.
        Some(unsafe { &*copy })
    }

    /// Lists the copies there are, with their CPUs; see [`Pool::cpus`] for their order. To be read, as
    /// [`get`](Self::get) says.
    pub fn iter(&self) -> impl Iterator<Item = (CpuId, &T)>
    where
        T: Sync,
    {
        // SAFETY: as in `get`.
        self.owner.copies().map(|(cpu, _, copy)| (cpu, unsafe { &*copy }))
    }

    /// Returns a CPU's copy to change in place. `None` if it has none yet.
    pub fn get_mut(&mut self, cpu: CpuId) -> Option<&mut T> {
        let copy = self.owner.whole_copy(self.owner.home.index_of(cpu)?)?;
        // SAFETY: initialised, and there as long as `self`; borrowed for this alone, so nobody is at
        // any copy.
        Some(unsafe { &mut *copy })
    }

    /// Lists the copies there are, to change in place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (CpuId, &mut T)> {
        // SAFETY: as in `get_mut`; each copy is listed once.
        self.owner.whole_copies().map(|(cpu, _, copy)| (cpu, unsafe { &mut *copy }))
    }

    /// Returns the pool.
    pub fn pool(&self) -> Pool<B> {
        Pool::of(Arc::clone(&self.owner.home))
    }
}

impl<T: Send, B: By> PerCpu<T, B> {
    /// Returns the running CPU's copy, for one operation or many.
    ///
    /// # Examples
    /// ```
    /// use std::sync::atomic::AtomicI32;
    /// use pcpu::PerCpu;
    ///
    /// let level = PerCpu::<AtomicI32>::zeroed()?;
    /// level.this_cpu().sub(3);
    /// assert_eq!(level.sum(), -3);
    /// # Ok::<(), pcpu::NewError>(())
    /// ```
    #[inline]
    pub fn this_cpu(&self) -> This<'_, T, B>
    where
        T: Scalar,
    {
        // SAFETY: T1: copies in the owner's table are initialised `T`s as long as `self`, and shared
        // references are all that is given of them.
        unsafe { This::new(self.copies, &self.owner) }
    }

    /// Returns a field of the running CPU's copy, named by [`field!`](crate::field!).
    #[inline]
    pub fn this_cpu_field<F: Scalar>(&self, field: Field<T, F>) -> This<'_, F, B> {
        // SAFETY: every `T` has an aligned `F` there (`Field::new`).
        unsafe { self.this_cpu_at(field.offset()) }
    }

    /// Returns what lies `offset` bytes from the beginning of the running CPU's copy.
    ///
    /// # Safety
    /// Every `T` has an aligned `F` there.
    #[inline]
    pub(super) unsafe fn this_cpu_at<F: Scalar>(&self, offset: usize) -> This<'_, F, B> {
        // SAFETY: T1: as in `this_cpu`, and the caller's contract. That others may have a `&T` under
        // the lock is no matter: an atomic is changed atomically. A `T` that is not `Sync` does not
        // make its parts less so: `F: Scalar` is `Sync`.
        unsafe { This::new(self.copies.shifted(offset), &self.owner) }
    }

    /// Returns the sum of all copies, wrapping. Each is read once; those that change meanwhile count
    /// as they were or as they are then.
    pub fn sum(&self) -> T::Value
    where
        T: Number,
    {
        self.iter().fold(T::ZERO, |sum, (_, copy)| T::wrapping_add(sum, copy.peek()))
    }

    /// Returns the sum of a field over all copies, as [`sum`](Self::sum) does.
    pub fn sum_field<F: Number>(&self, field: Field<T, F>) -> F::Value {
        self.owner.copies().fold(F::ZERO, |sum, (_, _, copy)| {
            let field = copy.cast::<u8>().wrapping_add(field.offset()).cast::<F>();
            // SAFETY: every `T` has an aligned `F` there, which is shared soundly, being `Sync`.
            F::wrapping_add(sum, unsafe { &*field }.peek())
        })
    }
}

impl<T, B: By> Drop for PerCpu<T, B> {
    /// Drops every copy there is (in a forked child, but for those that somebody was changing), and gives the area back, whatever panics on the way.
    fn drop(&mut self) {
        /// Drops a value where it lies.
        struct Copy<T>(*mut T);
        impl<T> Drop for Copy<T> {
            fn drop(&mut self) {
                // SAFETY: initialised, dropped once, and never used again.
                unsafe { self.0.drop_in_place() };
            }
        }

        let _area = Area::to_free(&self.owner.home, self.area.take());
        if core::mem::needs_drop::<T>() {
            // A vector goes on with the others when one of them panics.
            drop(self.owner.whole_copies().map(|(_, _, copy)| Copy(copy)).collect::<Vec<_>>());
        }
    }
}

impl<T, B: By> fmt::Debug for PerCpu<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCpu").field("present", self.owner.table()).finish_non_exhaustive()
    }
}
