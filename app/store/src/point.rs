//! Places at which a process of the tests dies, to see that what it leaves behind is good. In every other build there
//! is nothing here.

/// Goes on, unless a test said that the process shall end here.
#[cfg(not(test))]
pub(crate) fn reached(_: &'static str) {}

#[cfg(test)]
pub(crate) use armed::{arm, reached};

#[cfg(test)]
mod armed {
    use std::sync::{Mutex, PoisonError};

    static ARMED: Mutex<Option<(String, u32)>> = Mutex::new(None);

    /// Lets the process end when it reaches a place for that many times.
    pub(crate) fn arm(place: &str, times: u32) {
        *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some((place.into(), times));
    }

    /// Ends the process without another word, if it is time to.
    pub(crate) fn reached(place: &'static str) {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, times)) = armed.as_mut().filter(|(armed, _)| armed == place) {
            *times = times.saturating_sub(1);
            if *times == 0 {
                std::process::abort();
            }
        }
    }
}
