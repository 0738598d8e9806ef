"""Sections of forms: the ones that have errors are shown open."""

from homeassistant.data_entry_flow import section
import probatio

from .field_rules import FormError


def opened(schema: probatio.Schema, error: FormError) -> probatio.Schema:
    """Return the schema of a form, in which the sections with errors are open."""
    return probatio.Schema(
        {
            field: section(value.schema, {"collapsed": False})
            if isinstance(value, section) and str(field) in error.errors
            else value
            for field, value in schema.schema.items()
        }
    )


def shown_errors(schema: probatio.Schema, error: FormError) -> dict[str, str]:
    """Return errors by field, as the form is to show them.

    The first one of a section also stands at the top of the form, which is what a user sees then:
    the section may be far below.
    """
    for field, value in schema.schema.items():
        if isinstance(value, section) and str(field) in error.errors:
            return {"base": error.errors[str(field)], **error.errors}
    return error.errors
