//! Times in words.

/// A time in Unix seconds as `2026-11-21 10:57:03 UTC`.
///
/// Days to civil dates by the method of Howard Hinnant ("chrono-Compatible Low-Level Date Algorithms"): years start in
/// March, so that the leap day is the last of its year, and repeat every 400.
pub fn utc(seconds: u64) -> String {
    const DAY: u64 = 86_400;
    const ERA: u64 = 146_097;
    let (days, rest) = (seconds / DAY + 719_468, seconds % DAY);
    let (era, day_of_era) = (days / ERA, days % ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times() {
        let rows = [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_679_315_147, "2023-03-20 12:25:47 UTC"),
            (4_107_542_399, "2100-02-28 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ];
        for (seconds, text) in rows {
            assert_eq!(utc(seconds), text);
        }
    }

    proptest! {
        /// HTTP dates (RFC 9110, section 5.6.7), made by another library, have the same parts in another order.
        #[test]
        fn agrees_with_http_dates(seconds in 0..253_402_300_800_u64) {
            let http = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            let text = utc(seconds);
            let parts: Vec<&str> = http.split(' ').collect();
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let month = months.iter().position(|name| *name == parts[2]).unwrap() + 1;
            prop_assert_eq!(text, format!("{}-{month:02}-{} {} UTC", parts[3], parts[1], parts[4]));
        }
    }
}
