"""What is shown: numbers from the right row, and lists in words. (Branches on findings: test_findings.)"""

import jinja2
import pytest

from pipeline.render import environment
from tests.report.article import REAL, REPORT
from tests.report.branches import aliases, keys
from tests.report.scenarios import SCENARIOS
from tests.report.tables import made_up

TEMPLATES = sorted(REPORT.rglob("*.tex.j2"))


def test_every_branch_that_is_not_on_findings_is_written_and_reached(untyped):
    sources = ""
    for scenario in SCENARIOS.values():
        untyped.tables = made_up()
        sources += untyped.of(scenario).source(scenario.settings)
    untyped.edit("metadata.yaml", "sources: yes", "sources: no")
    untyped.edit("metadata.yaml", 'earlier_looks: ""', 'earlier_looks: "the set was seen"')
    sources += untyped.source()
    unreached = [
        f"{template.name}:{branch.lineno}: {text}"
        for template in TEMPLATES
        for parsed in [environment.parse(template.read_text())]
        for branch in parsed.find_all(jinja2.nodes.If)
        if not keys([branch.test], aliases([parsed]))
        for body in (branch.body, branch.else_)
        for text in [first_text(body)]
        if text not in sources
    ]
    assert not unreached


def first_text(body):
    """The first words that a branch writes, as they stand in the rendered source; of a nested one, those inside."""
    data = (part.data for node in body for part in [node, *node.find_all(jinja2.nodes.TemplateData)] if is_text(part))
    return " ".join(next(data, "").split())


def is_text(node):
    return isinstance(node, jinja2.nodes.TemplateData) and node.data.strip()


@pytest.mark.parametrize(
    "name, phrases",
    {
        "real": [
            r"among \num{3846} images we found \num{4} pairs of identical images and \num{3} of near-duplicates "
            r"(thumbnails with a correlation of at least \num{0.968}); \num{6} images were removed",
            r"differ by at most \num{1.5} times the distance expected of a random division",
            "the strongest single cue is contrast, lower in covid-19 images",
            r"all cues together, in gradient boosting, reach an auc of \num{0.92}",
            r"with \num{672} covid-19 images in the training set, and unbalanced (\qty{25}{\percent} covid-19).",
            "predicting normal for every validation image would give an accuracy of",
            r"with the starting values (learning rate \num{0.001}, dropout rate \num{0.3}, batch size \num{32}",
            "the cross-entropy of these on train never rises (smooth), on val never rises (smooth).",
            r"on rungs of \num{5}, \num{10} and \num{20} epochs",
            r"the search made \num{2} rounds after the starting configuration, its first trial; in all \num{4} trials "
            r"with \num{55} epochs; without halving, trials of the last rung's length would have taken up to \num{80}.",
            r"no trial diverged. on the last rung the val auc ranges from \num{0.930} to \num{0.960}",
            "the low end of the learning rate and the low end of the dropout rate, and the high end of the learning "
            "rate.",
            "their final range: the selected learning rate (low), the best trial's dropout rate (low). a better "
            "value may",
            r"the largest importance is that of the learning rate, \num{0.70} on average; the middle nine tenths of "
            r"the resamples run from \num{0.50} to \num{0.90}",
            r"so the starting configuration and the best \num{3} other trials with different configurations are "
            "candidates",
            r"trained with the same seeds, it gains \num{0.011} (\num{0.009} to \num{0.013}) in val auc",
            r"standard error below the highest, here \num{2}, the rule",
            r"although trial \num{1}, with \num{234567}",
            r"it ends a run after \num{5} epochs without a lower val cross-entropy and restores the best epoch's "
            r"weights (\cref{tab:gap-baseline}); a limit of \num{150} epochs",
            r"is \num{0.010} to \num{0.030}; in the initial run it is \num{0.030} (\num{0.050} at its end)",
            r"\num{-0.002} (\num{-0.006} to \num{0.002}) with no dense layer, not significant;",
            "with 256 and 128 units, not significant.",
            r"no smaller one is significantly worse; the smallest has no dense layer (\num{2049} parameters in place "
            r"of \num{131201}).",
            r"we downsample to \num{128} by \num{128} pixels, which the study leaves out",
            r"rotated by up to \num{7} degrees, shifted by up to \num{0.05} of the side, zoomed by",
            r"\num{0.9700} trained on plain images and of \num{0.9700} on augmented views",
            r"a difference of \num{0.000} (\num{-0.004} to \num{0.004})",
            r"reaches a val auc of \num{0.90}, \num{0.95} and \num{0.98} in fewer epochs than the baseline (medians",
            r"\num{0.98} is reached by \num{3} of its \num{3} runs and \num{2} of \num{3} of the baseline's. "
            r"neither reaches \num{0.99} in most runs",
            r"is \num{0.010} to \num{0.030} for the head and \num{0.010} to \num{0.030} for the baseline",
            r"does harm; the last attempt is kept: at a learning rate of \num{0.00033}",
            r"trained at \num{9.4e-5}",
            r"a difference of \num{0.008} (\num{0.002} to \num{0.015}), an interval over the sampling of images and of "
            "training runs: fine-tuning ranks them better.",
            r"on val falls from \num{0.160} to \num{0.130}.",
            r"of the fine-tuned models, \num{0.986}, is above that of every train-only run of the baseline "
            r"(\num{0.910} to \num{0.930})",
            r"(\num{0.02} to \num{0.06}) with \num{1344} and \num{0.01} "
            r"(\num{-0.01} to \num{0.03}) with \num{2688} images.",
            r"higher with \num{134}, \num{268}, \num{672} and \num{1344} images; with the other numbers",
            r"with \num{1344} images its mean is at least what the baseline's is with \num{2688}",
            r"features (s) & -- & \plain{\num{2.3e+02}} \\",
            r"& \mega{\num{1.6e+06}} & \mega{\num{9.5e+07}} \\",
            r"(\num{-0.024} to \num{-0.016}) with a cut at \texttt{conv3\_block4\_out}, a significant decrease;",
            r"cut at \texttt{conv4\_block6\_out}, where \num{8550000} parameters remain of \num{23564800}: cheaper",
            r"a head on the frozen backbone at \num{128} pixels has a detectably higher validation auc than the "
            r"narrow network of the studies at \num{64} pixels",
            r"is above chance but not shown to be above the \num{0.92} that non-anatomical cues reach on val",
            r"on validation predictions of train-only models (baseline: mean over \num{3} runs). this criterion",
            r"and a specificity of \num{0.93} (baseline, mean over \num{3} runs), and",
            r"candidate configurations are trained on \num{2688} training images and selected on \num{576} validation "
            "images",
            r"with sides of 224 pixels and 64 pixels an image takes \num{65536} and \num{65536} bytes in single "
            r"precision, and an epoch of these runs takes at least \num{13} and \num{2.2} seconds",
            r"(adam \num{0.003}, sgd \num{0.03}, rmsprop \num{0.3}; all runs: ",
            r"is \num{0.020} (\num{0.010} to \num{0.030})",
            r"is above its start after epoch \num{1}, most at epoch \num{1} (\num{0.140})",
            r"has a slope of \num{0.80} (\num{0.70} to \num{0.90}), so probabilities are too extreme, an intercept of "
            r"\num{-1.1} (\num{-1.3} to \num{-0.9}), so probabilities are too high on average, and a calibration "
            r"error of \num{0.040}, above the limit of \num{0.030}. the correction (slope \num{0.80}, intercept "
            r"\num{-1.10}) lowers the "
            r"error to \num{0.020}; the brier score improves (a change of \num{-0.005} (\num{-0.009} to "
            r"\num{-0.002})).",
            r"in the validation set, \qty{25}{\percent}",
            r"only the transfer model classifies \num{19} correctly, and only the baseline \num{4} ($p$ = "
            r"\num{0.001})",
            r"\num{0.985} on val, the mean of \num{3} seeds, a difference of \num{-0.005}",
            r"the map is empty for \num{0} of \num{280} images predicted as covid-19 and for \num{3} of "
            r"\num{280} predicted as normal",
            r"the lungs contain \num{0.45} (\num{0.42} to \num{0.48}) of the heat on \qty{30}{\percent} of the "
            "image",
            r"the model misses \num{14} covid-19 images and raises \num{0} false alarms (\cref{fig:gradcam}). a "
            "map explains the predicted class, so errors are compared with correct predictions of the same "
            r"class, given at least \num{10} maps. the share of heat of missed cases differs from that of "
            r"correct predictions of normal by \num{-0.10} (\num{-0.14} to \num{-0.06}) in the lungs and by "
            r"\num{-0.10} (\num{-0.14} to \num{-0.06}) on the border. the most confident missed case, with a "
            r"probability of covid-19 of \num{0.03}, has \qty{38}{\percent} of its heat in the lungs and "
            r"\qty{26}{\percent} on the border; correct predictions of normal have \qty{45}{\percent} and "
            r"\qty{20}{\percent} on average",
            r"the border is the outer \qty{10}{\percent} of each side, a corner \qty{20}{\percent} of a side.",
            r"give maps with a rank correlation of \num{0.60} (\num{0.55} to \num{0.65}), above the \num{0.20} of maps",
            r"faster than blanking random blocks for the baseline (an area between the curves of \num{0.12}",
            r"cropping it, which also changes the scale, flips \qty{27}{\percent} of the explained model's predictions "
            r"on covid-19 and \qty{27}{\percent} on normal",
            r"cropping the border flips \qty{27}{\percent} of the explained model's predictions on covid-19 and "
            r"\qty{27}{\percent} on normal images of val (\cref{tab:counterfactuals})",
            r"(sensitivity \num{0.980} (\num{0.960} to "
            r"\num{0.990}), specificity",
            r"on controls that remove part of the information (\cref{fig:controls}): images with the "
            "lungs blanked, only the lungs",
            r"on whole images of \num{64} by \num{64} pixels",
            r"whose $a_{\mathrm{whole}}$ is \num{0.970} (\num{0.950} to \num{0.980}), not to the "
            r"models under test (\num{0.985} and \num{0.985} on val)",
            r"a control is flagged if the interval of $s$ is above \num{0.8}",
            r", \qty{93}{\percent} of the whole image's auc above chance. grey values, border and sizes of file",
            r"lungs blanked & covid & \num{-0.12}, \qty{27}{\percent} & \num{-0.12}, \qty{27}{\percent} \\ & normal & ",
            r"\num{1} of \num{2} types cannot be checked with this data",
        ],
        "other values": [
            r"here $s$ is not defined, because the interval of the whole image's auc is not entirely above \num{0.6}",
            "those against overfitting: the dropout rate.",
            r"with a median of \num{5.0} epochs, although trial \num{1}, with \num{5.0}, has the highest mean",
            r"\num{1} dense layers, dropout and one output unit",
            "other heads are compared with that of the starting values",
            r"diverges after \num{4} epochs",
            r"\num{0.95} in fewer epochs than the baseline, \num{0.98} in more, \num{0.90} in as many (medians",
            r"down to a learning rate of \num{0.00033}, ends within this tolerance; the head was trained at "
            r"\num{9.4e-5}",
            r"significantly higher with \num{268}, \num{672} and \num{1344} images and lower with \num{134} images;",
            r"has a val auc of at least \num{0.910}, the selected head one of at most \num{0.930}",
            r"from \num{4} trials, and of epochs",
            "the auc of the baseline and the transfer model is significantly lower on the test set",
            r"an image is predicted positive at or above a logit of \num{0.93}",
            r"on test the specificity of the baseline is significantly lower, a difference of \num{-0.005} (",
            r"on average they have \qty{45}{\percent} of their heat in the lungs and \qty{20}{\percent} on the border, "
            r"correct predictions of normal \qty{45}{\percent} and \qty{20}{\percent}. the most confident missed case",
        ],
        "other words": [
            r"the backbone is then unfrozen from its layer \texttt{conv4\_block1\_preact\_bn} on, except for",
            "images with the central region blanked, only the central region, only the border, and a thumbnail. "
            "the data has no lung masks",
            "a high $s$ of the thumbnail, the central region or the grey values",
            "the central region contains",
            "the selected configuration uses sgd instead",
            r"the correction (slope \num{0.80}, no intercept)",
        ],
        "other numbers": [
            r"\num{2} tests find a significant but negligible difference. the classifier separates train from val with "
            r"an auc of \num{0.52} (\num{0.48} to \num{0.56}). the classifier separates train from test",
            r"the train auc of the reference is lower as well, \num{0.950} against \num{0.990} at least",
            r"the train auc falls from \num{0.990} to \num{0.960}",
            r"on val rises in \qty{40}{\percent} of the epochs, by at most \qty{30}{\percent} of its total decrease "
            "(uneven)",
            "because the cross-entropy on val is uneven",
            r"remains with seed \num{2}, but not with the others. with seed \num{2} the limit of epochs ended the run",
            r"epoch \num{5} it jumps to \num{0.400}, with a sensitivity of \num{0.59} and a specificity of \num{1.00}",
            r"\num{4} test images have a copy in the test set",
            r"contains \num{100} covid-19 and \num{200} normal images; \num{3} copies of images in the archive were "
            "removed",
            r"after the test set (\num{2} evaluations in all)",
            r"on \num{300} images from another source the auc is \num{0.80} (\num{0.75} to \num{0.85}) for the",
            r"the change in auc of the transfer model from the test set is \num{-0.15} (\num{-0.20} to \num{-0.10})",
            r"& sensitivity & \num{0.80} (\num{0.75} to \num{0.85}) & \num{-0.15} (",
            r"the most confident false alarm, with a probability of covid-19 of \num{0.88}, has an empty map",
        ],
        "gaps": [
            "adapt a larger network",
            r"\num{1} trial diverged",
            r"(\num{0} missed cases, \num{0} false alarms; \cref{fig:gradcam})",
            r"with \num{1344} and \num{0.01} (\num{-0.01} to \num{0.03}) with \num{2688} images.",
        ],
    }.items(),
)
def test_texts_show_numbers_and_lists(untyped, name, phrases):
    scenario = SCENARIOS[name]
    source = untyped.of(scenario).source(scenario.settings).lower()
    assert [phrase for phrase in phrases if phrase not in source] == []


def test_earlier_looks_at_the_test_set_are_printed_beside_the_ledger(untyped):
    ledger = "evaluations of the test set, one for each final model. "
    assert f"{ledger}An image is predicted" in untyped.source()
    untyped.edit("metadata.yaml", 'earlier_looks: ""', 'earlier_looks: "six runs & one change"')
    assert rf"{ledger}Earlier evaluations: six runs \& one change. An image is predicted" in untyped.source()


def test_the_provenance_names_configuration_seeds_and_images(untyped):
    source = untyped.source()
    assert r"Configuration: \texttt{2f2f2f2f2f2f}. Seed: 7; of the selection: 1, 2." in source
    assert r"val \texttt{a1a1a1a1a1a1}, test \texttt{a1a1a1a1a1a1}." in source


def test_the_article_names_and_cites_its_backbone(untyped):
    source = untyped.source(REAL | {"transfer": {"backbone": "efficientnetv2b0"}})
    assert r"The backbone is EfficientNetV2B0~\cite{tan2021}" in source and "ResNet" not in source
    source = untyped.source(REAL)
    assert r"The backbone is ResNet50V2~\cite{he2016}" in source and "EfficientNet" not in source
    assert "without its classifier" in source and "later layers are removed" not in source
