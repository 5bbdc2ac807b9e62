//! cte
