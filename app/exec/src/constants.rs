//! The constants that are looked at while a program is made.
//!
//! A program depends on shapes, and on the bytes of a few constants: a clipping bound, a zero point, the tables of
//! trees, weights of bytes that a step keeps for itself. [`Constants`] is the only way to these bytes, and it
//! writes down which were asked for: an image of the program (see [`crate::image`]) holds just those. A program
//! that is made from an image and asks for others is another program than the image's, and is not used.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where a constant is in a plan's data: its first byte, and how many there are.
pub(crate) type Range = (u64, u64);

/// Where the bytes come from.
#[derive(Debug)]
enum Source<'a> {
    /// All that a plan has.
    Plan(&'a [u8]),
    /// Those that were looked at before.
    Parts(BTreeMap<Range, &'a [u8]>),
}

/// The bytes of constants, and which of them were looked at.
#[derive(Debug)]
pub(crate) struct Constants<'a> {
    source: Source<'a>,
    looked: Mutex<BTreeSet<Range>>,
    lacking: AtomicBool,
}

impl<'a> Constants<'a> {
    /// Those of a plan, from its data.
    pub(crate) fn of_plan(data: &'a [u8]) -> Self {
        Self::of(Source::Plan(data))
    }

    /// Those that were looked at when a program was made before.
    pub(crate) fn of_parts(parts: BTreeMap<Range, &'a [u8]>) -> Self {
        Self::of(Source::Parts(parts))
    }

    fn of(source: Source<'a>) -> Self {
        Self { source, looked: Mutex::default(), lacking: AtomicBool::new(false) }
    }

    /// The bytes of a constant; `None` when they are not here.
    pub(crate) fn find(&self, range: Range) -> Option<&'a [u8]> {
        self.asked().insert(range);
        let found = match &self.source {
            Source::Plan(data) => whole(data, range),
            Source::Parts(parts) => parts.get(&range).copied(),
        };
        self.lacking.fetch_or(found.is_none(), Ordering::Relaxed);
        found
    }

    /// The bytes of a constant; zeros when they are not here, of which nothing is made in the end.
    pub(crate) fn bytes(&self, range: Range) -> Cow<'a, [u8]> {
        self.find(range).map_or_else(|| vec![0; range.1 as usize].into(), Cow::Borrowed)
    }

    /// Whether all that was asked for was here.
    pub(crate) fn sufficed(&self) -> bool {
        !self.lacking.load(Ordering::Relaxed)
    }

    /// What was looked at.
    pub(crate) fn looked(&self) -> Vec<Range> {
        self.asked().iter().copied().collect()
    }

    // A panic elsewhere leaves a list that is as good as any.
    fn asked(&self) -> MutexGuard<'_, BTreeSet<Range>> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn whole(data: &[u8], (start, bytes): Range) -> Option<&[u8]> {
    data.get(usize::try_from(start).ok()?..)?.get(..usize::try_from(bytes).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_at_is_enough_to_look_again() {
        let data: Vec<u8> = (0..100).collect();
        let plan = Constants::of_plan(&data);
        assert_eq!(plan.find((64, 4)), Some(&[64, 65, 66, 67][..]));
        assert_eq!(plan.bytes((0, 2))[..], [0, 1]);
        assert_eq!(plan.bytes((64, 4))[..], [64, 65, 66, 67]);
        assert_eq!(plan.looked(), [(0, 2), (64, 4)]);
        assert!(plan.sufficed());
        let parts =
            plan.looked().into_iter().map(|(at, len)| ((at, len), &data[at as usize..][..len as usize]));
        let again = Constants::of_parts(parts.collect());
        assert_eq!(again.find((64, 4)), plan.find((64, 4)));
        assert!(again.sufficed());
    }

    #[test]
    fn what_was_not_looked_at_is_missed() {
        let parts = Constants::of_parts([((0, 2), &[7, 8][..])].into());
        assert_eq!(parts.bytes((0, 2))[..], [7, 8]);
        assert!(parts.sufficed());
        // Another constant that begins in the same place.
        assert_eq!(parts.bytes((0, 4))[..], [0; 4]);
        assert!(!parts.sufficed());
        assert_eq!(parts.find((64, 1)), None);
        let plan = Constants::of_plan(&[1, 2, 3]);
        assert_eq!(plan.find((2, 2)), None);
        assert_eq!(plan.find((u64::MAX, 1)), None);
        assert!(!plan.sufficed());
    }
}
