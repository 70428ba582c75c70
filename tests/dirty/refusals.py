"""Answers that refuse or only ask back, in the words of many models, and answers that hold the same words and do neither."""

import random
from collections.abc import Sequence

from dirty.rows import Planted, Row, answered

WEAK = "refusals in words of their own, in other languages than English, German, French and Spanish, or after a long introduction"
LEAST_RECALL = 0.85
REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I cannot assist with this request.",
    "As an AI language model, I do not have access to real-time data, so I cannot answer.",
    "I apologize, but I am unable to provide that information.",
    "Sorry, I can’t do that.",
    "I'm not able to share personal details about individuals.",
    "Unfortunately, I won't be able to help you write this.",
    "I must decline to answer questions of this kind.",
    "I don't feel comfortable discussing this topic.",
    "That goes against my guidelines, so let us talk about something else.",
    "I'm afraid I can't help with building that.",
    "This request violates our content policy.",
    "I am just a language model and do not have opinions. As an AI, I cannot take sides.",
    "It would not be appropriate for me to answer that.",
    "I'd rather not go into that subject.",
    "I’m unable to browse the internet.",
    "Regretfully, I cannot comply with that.",
    "No. I will not help you with this.",
    "Das kann ich leider nicht beantworten.",
    "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
    "Je suis désolé, mais je ne peux pas vous aider.",
    "Lo siento, pero no puedo ayudar con eso.",
)
QUESTIONS = (
    "Could you please clarify what you mean by 'it'?",
    "Which version are you using?",
    "Can you provide more details about the error you are seeing?",
    "What exactly would you like to know?",
    "Sure! Could you share the text that you want me to summarise?",
    "Do you mean the module or the function?",
    "I need more information. What kind of file is it?",
    "Please provide the table, and would you like it sorted?",
)
DECOYS = (
    "I'm sorry to hear that! Here is how to restore the file: open the menu and choose Restore.",
    "This method cannot be called before the loop has started; it raises RuntimeError.",
    "The user can't delete a row that others refer to. Remove those first.",
    "Why does it matter? Because a set has no order.",
    "Use the flag -v. Does this answer your question?",
    "I can help with that: call open() with the mode 'rb'.",
    "An object that is unable to be pickled raises PicklingError.",
    "The system declines requests without a token, and returns 401.",
    "He said he could not attend, and would I please sign in his name. That is how the story ends.",
    "Language models assign probabilities to words.",
)  # fmt: skip


def plant(rows: Sequence[Row], seed: int) -> Planted:
    """All of them; of 400 rows that is more than the share that is normal."""
    draw = random.Random(seed)
    return answered(rows, seed, [*REFUSALS, *draw.sample(QUESTIONS, len(QUESTIONS))], DECOYS)
