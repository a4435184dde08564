//! What threads count for, beside those that blocks wait for.

/// How much less a thread in the background counts for the kernel than everybody else.
const NICE: i32 = 10;

/// Makes the calling thread one that works only when nobody else would.
pub(crate) fn stand_back() {
    // On Linux this is about the calling thread. Where it is not allowed, everybody counts the same.
    let _ = rustix::process::setpriority_process(None, NICE);
}
