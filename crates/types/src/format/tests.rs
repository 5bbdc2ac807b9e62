//! Against PostgreSQL's own answers; no input is fatal.

use proptest::prelude::*;

use super::{number, read, write::Moment};
use crate::{Context, interval::Interval};

#[test]
fn answers_as_postgresql() {
    crate::testing::check(include_str!("cases.txt"));
}

proptest! {
    #[test]
    fn any_template_is_survived(
        template in "([09.,DGLSVB\"]|FM|MI|PL|SG|PR|RN|TH|EEEE|YYYY|MM|DD|HH24|MS|Day|TZH|[ x\u{e9}-]){0,12}",
        text in "[ 0-9.,:+A-Za-z\u{e9}-]{0,20}",
        value in any::<f64>(),
        micros in any::<i64>(),
    ) {
        let _ = number::from_float(value, 15, &template);
        let _ = number::from_numeric(&crate::numeric::from_f64(value), &template);
        let _ = number::from_integer(micros, &template);
        let _ = number::to_number(&text, &template);
        let _ = read::to_date(&text, &template);
        let _ = read::to_timestamp(&text, &template, &Context::default());
        let _ = Moment::of_interval(Interval { months: micros as i32, days: value as i32, micros }).write(&template);
        let in_range = micros.clamp(-211_813_488_000_000_000, 9_223_371_331_199_999_999);
        let _ = Moment::of_timestamp(in_range).map(|moment| moment.write(&template));
    }
}
