"""Why a query is not asked: one class for each reason, as for all other errors."""

from dataclasses import dataclass

from ..errors import ExportError


@dataclass(eq=False)
class QueriesOffError(ExportError):
    """Queries are not switched on."""

    key = "queries_off"


@dataclass(eq=False)
class AdministratorsOnlyError(ExportError):
    """The user is no administrator, and queries are not open to others."""

    key = "query_administrators"


@dataclass(eq=False)
class NotOneSelectError(ExportError):
    """BigQuery says that it is another statement than one SELECT."""

    key = "query_no_select"
    statement: str


@dataclass(eq=False)
class OtherDatasetError(ExportError):
    """The query reads something outside of the dataset."""

    key = "query_other_dataset"
    names: str
    dataset: str


@dataclass(eq=False)
class UntoldPriceError(ExportError):
    """The query has a word of something whose price or source is not told beforehand."""

    key = "query_untold_price"
    word: str


@dataclass(eq=False)
class TooExpensiveError(ExportError):
    """The query would read more than one may."""

    key = "query_too_expensive"
    megabytes: str
    price: str
    limit: str


@dataclass(eq=False)
class DailyLimitError(ExportError):
    """All queries of the day together would read more than they may."""

    key = "query_daily_limit"
    megabytes: str
    price: str
    left: str
    limit: str


@dataclass(eq=False)
class QueryMissingError(ExportError):
    """Neither a query nor a question was given."""

    key = "query_missing"


@dataclass(eq=False)
class QueryOrQuestionError(ExportError):
    """Both a query and a question were given."""

    key = "query_or_question"


@dataclass(eq=False)
class QuestionUnknownError(ExportError):
    """There is no question of a name; the names that there are end the sentence."""

    key = "question_unknown"
    name: str
    known: str


@dataclass(eq=False)
class QuestionNotMadeError(QuestionUnknownError):
    """A question reads a table that is not exported."""

    key = "question_not_made"


@dataclass(eq=False)
class UnusableParameterError(ExportError):
    """A parameter has no possible name, or no value of its type."""

    key = "query_parameter"
    name: str


@dataclass(eq=False)
class ColumnUnknownError(ExportError):
    """The answer has no column of a name."""

    key = "column_unknown"
    column: str
    known: str


@dataclass(eq=False)
class ColumnMissingError(ExportError):
    """The answer has several columns, and none was chosen."""

    key = "column_missing"
    known: str


@dataclass(eq=False)
class ColumnTypeError(ExportError):
    """A column has another type than one of those that are needed."""

    key = "column_type"
    column: str
    type: str
    needed: str


@dataclass(eq=False)
class StatisticColumnsError(ExportError):
    """The answer has neither a sum nor a mean."""

    key = "statistic_columns"
    known: str


@dataclass(eq=False)
class StatisticHourError(ExportError):
    """A row of a statistic does not begin with an hour."""

    key = "statistic_hour"
    start: str


@dataclass(eq=False)
class StatisticTwiceError(ExportError):
    """Two rows of a statistic are of the same hour."""

    key = "statistic_twice"
    start: str


@dataclass(eq=False)
class StatisticValueError(ExportError):
    """A row of a statistic has no number where it needs one."""

    key = "statistic_value"
    column: str
    start: str


@dataclass(eq=False)
class StatisticTooLongError(ExportError):
    """The answer has more rows than one answer can have."""

    key = "statistic_too_long"
    rows: str
