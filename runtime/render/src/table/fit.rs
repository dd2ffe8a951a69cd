//! Which columns of a table fit a width, and how wide each may be.

/// Columns of text that a cell takes at most, where there is room.
pub(super) const CELL: usize = 40;

/// What a cell is cut to before a column is left out.
const CUT_CELL: usize = 20;

/// Characters around a cell's text: a border and two blanks.
const AROUND: usize = 3;

/// How a table is laid out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// Columns shown at the left.
    pub(super) left: usize,
    /// Columns shown at the right, after a gap where some are left out.
    pub(super) right: usize,
    /// What a cell is cut to, in columns of text.
    pub(super) cell: usize,
}

/// Lays columns of these widths out in `width`: whole if they fit, else with
/// long cells cut, else without those in the middle. One column is always shown.
pub(super) fn fit(widths: &[usize], width: Option<usize>) -> Fit {
    let all = |cell| Fit { left: widths.len(), right: 0, cell };
    let Some(width) = width else { return all(usize::MAX) };
    let taken = |columns: &mut dyn Iterator<Item = &usize>, cell: usize| {
        1 + columns.map(|column| (*column).min(cell) + AROUND).sum::<usize>()
    };
    for cell in [CELL, CUT_CELL] {
        if taken(&mut widths.iter(), cell) <= width {
            return all(cell);
        }
    }
    // The gap's own column is one character wide.
    let mut room = width.saturating_sub(1 + 1 + AROUND);
    let (mut left, mut right) = (0, 0);
    while left + right < widths.len() {
        let from_left = left <= right;
        let next = if from_left { widths[left] } else { widths[widths.len() - 1 - right] };
        let next = next.min(CUT_CELL) + AROUND;
        if next > room {
            break;
        }
        room -= next;
        if from_left { left += 1 } else { right += 1 }
    }
    if left == 0 {
        let gap = if widths.len() > 1 { 1 + AROUND } else { 0 };
        return Fit { left: 1, right: 0, cell: width.saturating_sub(1 + AROUND + gap).max(1) };
    }
    Fit { left, right, cell: CUT_CELL }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_whole() {
        assert_eq!(fit(&[5, 5, 5], Some(25)), Fit { left: 3, right: 0, cell: CELL });
        assert_eq!(fit(&[500, 5], None), Fit { left: 2, right: 0, cell: usize::MAX });
    }

    #[test]
    fn long_cells_are_cut_before_a_column_goes() {
        assert_eq!(fit(&[60, 60], Some(80)), Fit { left: 2, right: 0, cell: CUT_CELL });
        assert_eq!(fit(&[60, 10, 10], Some(70)), Fit { left: 3, right: 0, cell: CELL });
    }

    #[test]
    fn columns_go_from_the_middle() {
        assert_eq!(fit(&[10; 10], Some(60)), Fit { left: 2, right: 2, cell: CUT_CELL });
    }

    #[test]
    fn one_column_stays() {
        assert_eq!(fit(&[30, 30], Some(20)), Fit { left: 1, right: 0, cell: 12 });
        assert_eq!(fit(&[30], Some(3)), Fit { left: 1, right: 0, cell: 1 });
        assert_eq!(fit(&[], Some(3)), Fit { left: 0, right: 0, cell: CELL });
    }
}
