//! What the expressions and templates of one step visit may take, counted in steps and bytes and not in time, so that every run counts
//! the same.
//!
//! The evaluators are other people's and know no limits. The compiler (`cel.rs`) therefore puts calls into a program that draw on the
//! fuel: before each loop for all of its rounds, and wherever a value is made or kept.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cel::common::types::{CelList, CelMap, CelString, Type};
use cel::common::value::{StaticVal, Val};

/// Steps and bytes that are left.
#[derive(Debug)]
pub struct Fuel {
    steps: AtomicU64,
    bytes: AtomicU64,
}

/// Steps of what runs on the thread that drives all runs: some tens of milliseconds.
const STEPS_QUICK: u64 = 200_000;
/// Bytes of the values that it makes.
const BYTES_QUICK: u64 = 32 << 20;
/// Steps of what may keep a thread for itself: some seconds.
const STEPS_FULL: u64 = 10_000_000;
/// Bytes of the values that it makes.
const BYTES_FULL: u64 = 512 << 20;

impl Fuel {
    /// For a visit that others wait for.
    #[must_use]
    pub fn quick() -> Self {
        Self { steps: AtomicU64::new(STEPS_QUICK), bytes: AtomicU64::new(BYTES_QUICK) }
    }

    /// For a visit that has a thread of its own.
    #[must_use]
    pub fn full() -> Self {
        Self { steps: AtomicU64::new(STEPS_FULL), bytes: AtomicU64::new(BYTES_FULL) }
    }

    /// Whether something wanted more than there was. From then on there is nothing left.
    #[must_use]
    pub fn is_out(&self) -> bool {
        self.steps.load(Ordering::Relaxed) == 0 || self.bytes.load(Ordering::Relaxed) == 0
    }

    /// Why it is out, in words.
    pub(super) fn words(&self) -> &'static str {
        match self.bytes.load(Ordering::Relaxed) {
            0 => "its values take too much memory",
            _ => "its loops take too many steps",
        }
    }

    /// Steps that are left.
    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Takes steps; whether they were there.
    pub(super) fn take_steps(&self, steps: u64) -> bool {
        take(&self.steps, steps)
    }

    /// Takes bytes; whether they were there.
    pub(super) fn take_bytes(&self, bytes: u64) -> bool {
        take(&self.bytes, bytes)
    }
}

impl Default for Fuel {
    fn default() -> Self {
        Self::full()
    }
}

/// The last one is never taken, so that nothing left always means that too much was asked for.
fn take(left: &AtomicU64, wanted: u64) -> bool {
    let before = left.load(Ordering::Relaxed);
    let after = before.checked_sub(wanted).filter(|&after| after > 0).unwrap_or(0);
    left.store(after, Ordering::Relaxed);
    after > 0
}

static TANK: Type = Type::new_unspecified_type("@fuel");

/// The fuel as a value that a program can hand to a function.
#[derive(Debug, Clone)]
pub(super) struct Tank(pub(super) Arc<Fuel>);

impl Val for Tank {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &TANK
    }

    fn equals(&self, _: &dyn Val) -> bool {
        false
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Tank {}

/// Bytes that a value takes, in all its depth, roughly.
pub(super) fn weight(value: &(dyn Val + '_)) -> u64 {
    const ENTRY: u64 = 48;
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return ENTRY + text.inner().len() as u64;
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        return ENTRY + list.inner().iter().map(|item| weight(item.as_ref())).sum::<u64>();
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        return ENTRY + map.inner().values().map(|value| ENTRY + weight(value.as_ref())).sum::<u64>();
    }
    ENTRY
}

/// Steps that it takes to go through a value once, without going into its items.
pub(super) fn length(value: &(dyn Val + '_)) -> u64 {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return text.inner().len() as u64 / 64;
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        return list.inner().len() as u64 / 4;
    }
    value.downcast_ref::<CelMap<'_>>().map_or(0, |map| map.inner().len() as u64 / 4)
}
