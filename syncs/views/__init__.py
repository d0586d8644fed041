"""The pages of a team. A view is four moves: fetch within the team, bind the form, act, answer."""
