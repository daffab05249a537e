// SPDX-License-Identifier: MIT OR Apache-2.0
//! Translation: from cookies to addresses and places, and back.
//!
//! Because all chunks have the same unit offsets, one number per CPU translates every cookie,
//! static or dynamic: an address is a cookie plus a unit offset.

use core::num::NonZeroUsize;

use pcpu_layout::{CpuId, UnitOffset};
use pcpu_platform::{Addr, Mapper};

use super::{Addressing, Allocator};
use crate::Cookie;
use crate::machine::Machine;

/// Where an area is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The chunk: 0 the first, -1 the reserved one, then 1, 2, ... in order of creation.
    pub chunk: i32,
    /// Offset in bytes from the chunk's base, which for the first and the reserved chunk is the
    /// start of the page in which its region begins.
    pub offset: UnitOffset,
}

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Returns the address of `cpu`'s copy, or `None` if the CPU is not possible. The cookie is
    /// not checked: an addition, no more. The copy of a CPU that is not attached must not be
    /// touched: it may be without memory.
    #[inline]
    pub fn address(&self, cookie: &Cookie, cpu: CpuId) -> Option<Addr> {
        let unit = self.addresses.offset(cpu)?;
        Addr::new(cookie.get().wrapping_add(unit))
    }

    /// Returns the cookie of a static variable by its offset in the static region, or `None` if
    /// it lies outside.
    pub fn static_cookie(&self, offset: UnitOffset) -> Option<Cookie> {
        let inside = self.geometry.regions().statics.contains(offset);
        let value = NonZeroUsize::new(self.base.get().wrapping_add(offset.get()))?;
        inside.then_some(Cookie::new(value))
    }

    /// Returns the CPU and the offset of a static variable's copy, or `None` if the address is
    /// in no unit's static region. Looks at every CPU.
    ///
    /// # Source
    /// docs/behaviours.md, B41.
    pub fn static_copy(&self, address: Addr) -> Option<(CpuId, UnitOffset)> {
        if !P::SMP {
            return None;
        }
        let statics = self.geometry.static_size();
        self.geometry.cpus().find_map(|cpu| {
            let unit = self.base.get().wrapping_add(self.addresses.offset(cpu)?);
            let offset = address.get().wrapping_sub(unit);
            (offset < statics).then_some((cpu, UnitOffset::new(offset)))
        })
    }

    /// Returns where the area of a cookie is, or `None` if no chunk serves it. Says nothing of
    /// whether it is live.
    pub fn placement(&self, cookie: &Cookie) -> Option<Placement> {
        let found = self.directory.find(cookie.get())?;
        let chunk = self.index.lock().chunks.get(found.chunk).ordinal;
        Some(Placement { chunk, offset: UnitOffset::new(found.offset) })
    }

    /// Returns the frame behind an address of a later chunk, or of a paged first chunk, and the
    /// offset in it; `None` where nothing is mapped. First chunks made of runs are not mapped by
    /// this platform's mapper.
    ///
    /// # Context
    /// May sleep, as the platform's mapper may: not for interrupt handlers.
    ///
    /// # Source
    /// docs/behaviours.md, B42.
    pub fn frame(&self, address: Addr) -> Option<(P::Frame, usize)>
    where
        P: Mapper,
    {
        let in_page = address.get() % self.geometry.page_size();
        let page = Addr::new(address.get() - in_page)?;
        Some((self.platform.frame_at(page)?, in_page))
    }
}
