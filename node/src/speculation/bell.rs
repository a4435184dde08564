//! A bell: whoever waits for it is woken once, however often it was rung meanwhile.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    rang: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rung: bool,
    closed: bool,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings it.
    pub fn ring(&self) {
        let before = std::mem::replace(&mut self.lock().rung, true);
        if !before {
            self.rang.notify_one();
        }
    }

    /// Waits until it is rung; false when it is closed.
    pub fn wait(&self) -> bool {
        let waits = |state: &mut State| !state.rung && !state.closed;
        let mut state = self.rang.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        state.rung = false;
        !state.closed
    }

    /// Sends whoever waits away.
    pub fn close(&self) {
        self.lock().closed = true;
        self.rang.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn it_wakes_once_for_all_that_rang_and_no_more_when_it_is_closed() {
        let bell = Arc::new(Bell::default());
        bell.ring();
        bell.ring();
        assert!(bell.wait());
        let waiting = std::thread::spawn({
            let bell = bell.clone();
            move || (bell.wait(), bell.wait())
        });
        bell.ring();
        while bell.lock().rung {
            std::thread::yield_now();
        }
        bell.close();
        assert_eq!(waiting.join().unwrap(), (true, false));
        assert!(!bell.wait());
    }
}
