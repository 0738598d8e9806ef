"""What the user is asked: the forms of the config flow and the options flow."""
