"""What is asked of a person before every session of TMS, in this project's words, and where the questions come from.

They follow the questionnaire of the IFCN's experts (Rossi 2009, with two questions changed in Rossi 2011), whose screening
Rossi 2021 leaves valid.  By its letter a yes does not by itself exclude a person: who is responsible weighs risk and benefit.
"""

from __future__ import annotations

SOURCE = (
    "Questions after the screening questionnaire of Rossi 2011 (Clin Neurophysiol 122:1686), which Rossi 2021 (Clin "
    "Neurophysiol 132:269) leaves valid, in our words; sleep, alcohol and hearing protection are added."
)
RULE = "A yes does not exclude by itself: the physician in charge weighs it before the session."
QUESTIONS = (
    "Metal in head, neck or spine: clip, coil, plate, shunt, splinter?",
    "Cochlear implant?",
    "Stimulator implanted: brain, spinal cord, vagus nerve?",
    "Pacemaker, defibrillator, or leads in the heart?",
    "Implanted drug pump?",
    "Epilepsy, or ever a seizure?",
    "Ever fainted? When and why?",
    "Head injury with loss of consciousness, or head surgery?",
    "Hearing loss, or ringing in the ears?",
    "Pregnant, or possibly so?",
    "Medicines, new or changed: any that lower the seizure threshold?",
    "Short sleep, alcohol or other drugs since yesterday?",
    "Trouble with earlier TMS or MRI?",
)
READY = ("Hearing protection on: patient", "Hearing protection on: operator", "What to do in a seizure is known")
