//! set_function
