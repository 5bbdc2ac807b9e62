//! Row policies and privileges over whole servers.
