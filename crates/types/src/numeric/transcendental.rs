//! t
use basalt_core::Result;
/// t
pub fn exp(a: &str) -> Result<String> { Ok(a.into()) }
/// t
pub fn ln(a: &str) -> Result<String> { Ok(a.into()) }
/// t
pub fn sqrt(a: &str) -> Result<String> { Ok(a.into()) }
/// t
pub fn log(a: &str,_b:&str) -> Result<String> { Ok(a.into()) }
/// t
pub fn power(a: &str,_b:&str) -> Result<String> { Ok(a.into()) }
