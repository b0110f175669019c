"""Texts that depend on results."""

import jinja2
import pytest

from pipeline.render import environment
from tests.report.article import REAL, REPORT
from tests.report.branches import aliases, keys
from tests.report.scenarios import scenarios
from tests.report.tables import made_up

TEMPLATES = sorted(REPORT.rglob("*.tex.j2"))


def test_every_branch_that_is_not_on_findings_is_written_and_reached(untyped):
    sources = ""
    for settings, alter in scenarios().values():
        untyped.tables = made_up()
        alter(untyped.tables)
        sources += untyped.source(settings)
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
            "to within a percentage point, of the other splits: the classes are divided uniformly",
            "all images have the same size",
            "the classes differ in brightness (",
            r"among \num{3846} images we found \num{4} pairs of identical images and \num{3} of near-duplicates "
            r"(thumbnails with a correlation of at least \num{0.968}); \num{6} images were removed because a copy "
            "is in another split.",
            "of the two we prefer the transfer model for its higher auc.",
            "no relevant difference between the splits is detected in class or pixel statistics. a chi-square",
            r"differ by at most \num{1.5} times the distance expected of a random division, which is within",
            "the strongest single cue is contrast, lower in covid-19 images",
            r"all cues together, in gradient boosting, reach an auc of \num{0.92}",
            r"with \num{672} covid-19 images in the training set, and unbalanced (\qty{25}{\percent} covid-19).",
            r"on their own they reach an auc of \num{0.92}",
            "predicting normal for every validation image would give an accuracy of",
            "the loss weights each class inversely",
            r"with the starting values (learning rate \num{0.001}, dropout rate \num{0.3}, batch size \num{32}",
            "the cross-entropy on train never rises (smooth), on val never rises (smooth).",
            "are close to the minimum: no marked overfitting",
            "the first hyperparameters to tune are the learning rate, which limits",
            r"\num{3} trials were run in \num{2} rounds; none diverged.",
            "the low end of the learning rate and the low end of the dropout rate, and the high end of the learning "
            "rate.",
            "their final range: the selected learning rate (low), the best trial's dropout rate (low). a better "
            "value may",
            r"\texttt{range}.",
            r"the largest importance is that of the learning rate, \num{0.70} on average; the middle nine tenths of "
            r"the resamples run from \num{0.50} to \num{0.90}; no other range overlaps",
            "an exponential moving average of the weights over about an epoch",
            r"after \num{12} epochs at most",
            r"selection seeds, for \num{30} epochs at most",
            r"the best \num{4} trials with different configurations",
            r"standard error below the highest, here \num{2}, the rule",
            r"although trial \num{1}, with \num{234567}",
            r"it ends a run after \num{5} epochs without a lower val cross-entropy, or after \num{30} epochs, "
            "and restores the best epoch's weights",
            "in every run that continued it is wider at the end",
            r"is \num{0.010} to \num{0.030}; in the initial run it is \num{0.030} (\num{0.050} at its end), which is "
            "not",
            "no marked overfitting remains",
            "early stopping, not the limit of epochs, ended every such run",
            "weighted by class, by adam",
            "no alternative is significantly better, so the reference is kept",
            r"the initial run has a val auc of \num{0.900} at its best epoch, with one seed, lower than every run of "
            "the selected",
            "it was still falling when",
            "none diverged",
            r"from \num{3} seeds",
            "identical outputs",
            r"\num{-0.002} (\num{-0.006} to \num{0.002}) with no dense layer, not significant;",
            r"to \num{0.003}) with \num{16} units, not significant;",
            "with 256 and 128 units, not significant.",
            r"no smaller one is significantly worse; the smallest has no dense layer (\num{2049} parameters in place "
            r"of \num{131201}).",
            "confidence they hold for all variants of a study at once",
            r"we downsample to \num{128} by \num{128} pixels, which the study leaves out, a compromise between time "
            "and detail, set before the study.",
            "the strategies do not differ significantly",
            "a dense layer, dropout and one output unit form the head",
            r"rotated by up to \num{7} degrees, shifted by up to \num{0.05} of the side, zoomed by",
            r"\num{0.9700} trained on plain images and of \num{0.9700} on augmented views",
            r"a difference of \num{0.000} (\num{-0.004} to \num{0.004}), not significant",
            "these results show no significant effect",
            "the baseline starts and ends no higher",
            r"reaches a val auc of \num{0.90}, \num{0.95} and \num{0.98} in fewer epochs than the baseline (medians",
            r"\num{0.98} is reached by \num{3} of its \num{3} runs and \num{2} of \num{3} of the baseline's. "
            r"neither reaches \num{0.99} in most runs",
            r"is \num{0.010} to \num{0.030} for the head and \num{0.010} to \num{0.030} for the baseline; as "
            "these ranges overlap",
            r"every larger learning rate tried fails; the last attempt is kept: starting at a learning rate of "
            r"\num{6e-6}",
            r"trained at \num{9.4e-5}, more than ten times this rate",
            r"a difference of \num{0.008} (\num{0.002} to \num{0.015}) by a bootstrap over val images",
            "fine-tuning ranks them better",
            r"on val falls from \num{0.160} to \num{0.130}.",
            r"of the fine-tuned model, \num{0.986}, is above that of every train-only run of the baseline "
            r"(\num{0.910} to \num{0.930})",
            r"(\num{0.02} to \num{0.06}) with \num{1344} and \num{0.01} "
            r"(\num{-0.01} to \num{0.03}) with \num{2688} images.",
            r"higher with \num{134}, \num{268}, \num{672} and \num{1344} images; with the other numbers",
            r"with \num{1344} images its mean is at least what the baseline's is with \num{2688}",
            "an epoch of the final run is faster for the head than for the baseline",
            "less training time, including features and fine-tuning",
            "more than ten times the parameters",
            "and predicts more slowly",
            r"features (s) & -- & \plain{\num{2.3e+02}} \\",
            r"& \mega{\num{1.6e+06}} & \mega{\num{9.5e+07}} \\",
            r"(\num{-0.024} to \num{-0.016}) with a cut at \texttt{conv3\_block4\_out}, a significant decrease;",
            r"cut at \texttt{conv4\_block6\_out}, where \num{8550000} parameters remain of \num{23564800}: cheaper",
            "it still rises significantly, so more images would help",
            r"a head on the frozen backbone at \num{128} pixels has a detectably higher validation auc than the "
            r"narrow network of the studies at \num{64} pixels with some numbers of training images, and does "
            "not differ detectably with others. the lower resolution",
            "in one run of a train-only model, it raises the auc",
            r"is above chance but not shown to be above the \num{0.92} that non-anatomical cues reach on val",
            r"\num{2} evaluations of the test set, one for each final model. an image is predicted positive",
            r"on validation predictions of train-only models (baseline: mean over \num{3} runs). this criterion",
            r"and a specificity of \num{0.93} (baseline, mean over \num{3} runs), and",
            r"\num{0.93} (transfer model).",
            r"candidate configurations are trained on \num{2688} training images and selected on \num{576} validation "
            "images; the final models are retrained on both",
            r"with sides of 224 pixels and 64 pixels an image takes \num{65536} and \num{65536} bytes in single "
            r"precision, and an epoch of these runs takes at least \num{13} and \num{2.2} seconds, respectively (",
            r"adam \num{0.003}, sgd \num{0.03}, rmsprop \num{0.001})",
            "the backbone is then unfrozen, except for",
            "the transfer model (",
            r"is \num{0.020} (\num{0.010} to \num{0.030}): the transfer model ranks the images better",
            "from here on the transfer model is the fine-tuned one",
            "the cross-entropy on the fixed training subset after its intercept is refitted",
            r"is above its start after epoch \num{1}, most at epoch \num{1} (\num{0.140}), within the limit",
            r"has a slope of \num{0.80} (\num{0.70} to \num{0.90}), so probabilities are too extreme, an intercept of "
            r"\num{-1.1} (\num{-1.3} to \num{-0.9}), so probabilities are too high on average, and a calibration "
            r"error of \num{0.040}, above the limit of \num{0.030}. the correction (slope \num{0.80}, intercept "
            r"\num{-1.10}) lowers the "
            r"error to \num{0.020}; the brier score improves (a change of \num{-0.005} (\num{-0.009} to "
            r"\num{-0.002})).",
            r"in the validation set, \qty{25}{\percent}. predictions use the uncorrected logit; "
            "as both slopes are positive, the correction changes neither a prediction nor an auc.",
            "an image is predicted positive at or above a corrected probability of",
            r"only the transfer model classifies \num{19} correctly, and only the baseline \num{4} ($p$ = "
            r"\num{0.001}): the transfer model is more accurate. it gains both",
            r"\num{0.985} on val, the mean of \num{3} seeds, a difference of \num{-0.005}",
            "no detectable difference, so no sign of a fault",
            r"the map is empty for \num{0} of \num{280} images predicted as covid-19 and for \num{3} of "
            r"\num{280} predicted as normal",
            "the lungs are those of the masks",
            r"the lungs contain \num{0.45} (\num{0.42} to \num{0.48}) of the heat on \qty{30}{\percent} of the "
            "image: more than uniform heat",
            "border and corners do not get more heat than uniform heat",
            "as their maps explain $-z$, this compares scores",
            r"the model misses \num{14} covid-19 images and raises \num{0} false alarms (\cref{fig:gradcam}). a "
            "map explains the predicted class, so errors are compared with correct predictions of the same "
            r"class, given at least \num{10} maps. the share of heat of missed cases differs from that of "
            r"correct predictions of normal by \num{-0.10} (\num{-0.14} to \num{-0.06}) in the lungs and by "
            r"\num{-0.10} (\num{-0.14} to \num{-0.06}) on the border. the most confident missed case, with a "
            r"probability of covid-19 of \num{0.03}, has \qty{38}{\percent} of its heat in the lungs and "
            r"\qty{26}{\percent} on the border; correct predictions of normal have \qty{45}{\percent} and "
            r"\qty{20}{\percent} on average. grad-cam thus shows",
            r"the border is the outer \qty{10}{\percent} of each side, a corner \qty{20}{\percent} of a side.",
            r"give maps with a rank correlation of \num{0.60} (\num{0.55} to \num{0.65}), above the \num{0.20} of maps",
            "two heads of the transfer model on one frozen backbone, before fine-tuning, give maps",
            "below one half, so the maps depend on what was learned, not only on the edges in the image",
            r"faster than blanking random blocks for the baseline (an area between the curves of \num{0.12}",
            "the maps mark what matters to the prediction.",
            "second, we would crop all films to the chest, at one scale, and blank markers, because cropping "
            r"it, which also changes the scale, flips \qty{27}{\percent} of the explained model's predictions on "
            r"covid-19 and \qty{27}{\percent} on normal",
            r"cropping the border flips \qty{27}{\percent} of the explained model's predictions on covid-19 and "
            r"\qty{27}{\percent} on normal images of val (\cref{tab:counterfactuals}). cropping also changes",
            r"neither class is misclassified detectably more often (sensitivity \num{0.980} (\num{0.960} to "
            r"\num{0.990}), specificity",
            "a row without images",
            "such shortcuts could produce a high auc",
            r"with \num{3} seeds",
            r"on controls that remove part of the information (\cref{fig:controls}): images with the "
            "lungs blanked, only the lungs",
            "only the outline of the lungs. the lungs are those of the masks",
            r"on whole images of \num{64} by \num{64} pixels",
            r"whose $a_{\mathrm{whole}}$ is \num{0.970} (\num{0.950} to \num{0.980}), not to the "
            r"models under test (\num{0.985} and \num{0.985} on val)",
            r"a control is flagged if the interval of $s$ is above \num{0.8}. a network trained without the lungs "
            "reaches a val auc of",
            r", \qty{93}{\percent} of the whole image's auc above chance. grey values, border and sizes of file",
            r"lungs blanked & covid & \num{-0.12}, \qty{27}{\percent} & \num{-0.12}, \qty{27}{\percent} \\ & normal & ",
            "a high $s$ of the thumbnail, the lungs or the grey values is not evidence of a shortcut",
            r"\num{1} of \num{2} types cannot be checked with this data",
            "its files do not say which source an image comes from",
        ],
        "alike": [
            "the classes are nearly balanced",
            r"(\num{1.1} to \num{1.5}), so probabilities are too moderate, an intercept of \num{0.3} (\num{0.1} to "
            r"\num{0.5}), so probabilities are too low on average, and a calibration error of \num{0.020}, within the "
            r"limit of \num{0.030}. the correction (slope \num{0.80}, no intercept) raises the error to \num{0.027}; "
            "the brier score "
            "worsens (a change of",
            "images with the central region blanked, only the central region, only the border, and a thumbnail. "
            "the data has no lung masks; a central region",
            "images with the central region blanked still contain parts of the lungs",
            "a high $s$ of the thumbnail, the central region or the grey values",
            "the transfer model ranks them worse",
            "the transfer model is less accurate. it loses both",
            "the data has no lung masks; a central region of the film",
            "the central region contains",
            "so the maps do not highlight the central region",
            "in true covid-19 images the border gets more heat than uniform heat would give it",
            "it is significantly higher on test",
            "below one half only for the transfer model, so only its maps are shown to depend",
            "of maps of different images. two heads",
            r"not shown to exceed the \num{0.20}",
            "only the maps of the transfer model are shown to mark what matters to the prediction",
            "this suggests a bias of the data, such as markers",
            "a map cell is wider than the border",
            r"because the border gets more heat than uniform heat would give it (\cref{tab:heat}). the next priority",
            "the next priority is covid-19 films like those that are missed",
            "grad-cam thus shows where",
            "differ little in mean brightness",
            r"\num{2} tests find a significant but negligible difference. the classifier separates train from "
            r"val with an auc of \num{0.52} (\num{0.48} to \num{0.56}). the classifier separates train from test",
            "no single cue separates the classes detectably; the highest auc, of contrast",
            "which is indistinguishable from chance",
            "although a smaller size is significantly better in it",
            r"the train auc of the reference is lower as well, \num{0.950} against \num{0.990} at least",
            "these results contradict each other",
            r"(\cref{tab:gap-baseline}): the run overfits",
            "at least once by more than its total decrease (uneven)",
            "the learning rate and the batch size, because the cross-entropy on val is uneven, and, against "
            "overfitting, the dropout rate.",
            "no range was extended",
            "all selected values, and those of the best trial, are inside",
            "too few, or too much alike",
            "the best trial, the only candidate",
            "with one selection seed there is no standard error",
            r"remains with seed \num{2}, but not with the others. with seed \num{2} the limit of epochs ended "
            "the run",
            "without weights, by stochastic gradient descent",
            "the selected configuration uses sgd instead",
            "only the threshold compensates for their unequal shares",
            "its cross-entropy on a fixed subset of the fitted images is",
            r"\num{2} of them finished; the rest diverged",
            r"together for as many epochs: \num{1} epoch, without early stopping",
            "does not give identical outputs",
            "without a dense layer, form the head",
            "no other head was tried",
            "the transfer model starts lower and ends lower",
            "neither model reaches any level",
            "the first attempt is kept, so larger learning rates were not tested: starting",
            "and is never above its start",
            "more than a hundred times this rate",
            "fine-tuning ranks them worse",
            "after, does not fall",
            r"is below that of every train-only run of the baseline (\num{0.910})",
            r"and \num{0.01} (\num{-0.01} to \num{0.03}) with \num{2688} images.",
            "with no number of images is the difference significant",
            "at no smaller share does its mean reach",
            "even with stored features",
            "even without fine-tuning",
            "it has no more parameters and predicts no more slowly",
            "no other layer was tried",
            "it lowers the auc",
            r"\num{3} evaluations of the test set, where one for each",
            "none of the",
        ],
        "poor": [
            "are not divided uniformly",
            r"here $s$ is not defined, because the interval of the whole image's auc is not entirely above \num{0.6}",
            "the images differ in size",
            r"no: \num{11} tests find a relevant difference",
            "which is beyond its variation",
            "do not reduce the cross-entropy",
            "unstable rather than overfitted",
            "the size and the noise of a step",
            r"by at most \qty{30}{\percent} of its total decrease (uneven)",
            "between val and train in some runs only",
            "in this study, fixed and per-image statistics perform worse than global ones.",
            r"the gap between train and val narrows: the train auc falls from \num{0.990} to \num{0.960}",
            r"a difference of \num{-0.010} (\num{-0.019} to \num{-0.001}), significant",
            "these results speak against it",
            "the next step is a head trained without augmentation",
            "these are bounds that the search cannot extend",
            "the forest predicts no better than the mean",
            "which also has the highest mean",
            "as this is the limit of a run",
            "the focal loss",
            r"epoch \num{5} it jumps to \num{0.400}, with a sensitivity of \num{0.59} and a specificity of \num{1.00}",
            "no attempt, down to a learning rate",
            "some smaller ones are worse; the smallest head that is not significantly worse has no dense layer",
            r"\num{2} dense layers, dropout and one output unit",
            r"only the transfer model reaches a level of \cref{tab:epochs} in most of its runs, up to a val auc "
            r"of \num{0.98}",
            "of the model that remains",
            r"it is significantly lower with \num{134} images; with the other numbers",
            "every earlier cut is significantly worse",
            "not significant, so whether more images would help is open",
            "up to its final run the transfer model takes less training time",
            "it has more parameters and needs more memory",
            "does not have a detectably higher validation auc than the narrow network",
            "is indistinguishable from chance",
            "it gains sensitivity; a change of specificity is not detectable",
            "it is significantly lower on test. possible reasons are a fault",
            r"selection on val of a configuration, from \num{3} trials, and of epochs",
            "the auc of the baseline and the transfer model is significantly lower on the test set",
            "as fine-tuning was rejected, the transfer model is that with the frozen backbone",
            "fine-tuning brought no improvement",
            "may rest on such shortcuts, although they are not high",
            r"no test image is misclassified (\num{0} missed cases, \num{0} false alarms; \cref{fig:gradcam}), so this "
            "question cannot be answered from errors.",
            r"we would not crop the films: cropping the border is not shown to flip many of the explained model's "
            r"predictions (\qty{27}{\percent} on covid-19, \qty{27}{\percent} on normal images; "
            r"\cref{tab:counterfactuals}), and its heat (\cref{tab:heat}) is not shown to matter",
            "this is only a hint of a bias, such as markers",
            "the data and the training must be checked before anything else",
            "true normal images, whose maps explain $-z$, do not differ detectably",
            "drawn from the archive's train split",
        ],
        "below chance": [
            "in this study, fixed and per-image statistics perform better than global ones.",
            "these results support it",
            "the first hyperparameters to tune are those against overfitting: the dropout rate.",
            r"with a median of \num{4.0} epochs, although trial \num{1}, with \num{5.0}, has the highest mean",
            "in no run that continued is it wider at the end",
            "wider than in any of these",
            "a difference that a random division can produce",
            "the frozen backbone does not reduce overfitting",
            "includes zero, so the most important",
            "still uses the reference; a search that includes the better alternative",
            "a search that includes the better one",
            "is below chance, which indicates a fault",
            "the transfer model starts lower, but the baseline",
            r"only the baseline reaches a level of \cref{tab:epochs} in most of its runs, up to a val auc of "
            r"\num{0.98}",
            "the difference is not significant",
            "all selected values are inside",
            "the baseline does not catch up",
            r"so the backbone should be cut elsewhere: \texttt{conv4\_block6\_out} is best",
            "a significant decrease, which more images of the same kind would hardly reverse",
            "it has no detectable effect on the auc",
            "an improvement by the search is not shown",
            r"does not differ detectably from that of correct predictions of normal: \num{0.00} (\num{-0.02} to",
            "grad-cam thus does not explain the errors.",
            "the next priority is normal films like the false alarms",
        ],
        "few maps": [
            "there are too few maps of true covid-19 images to locate their heat. there are too few maps to "
            "compare them with true normal images.",
            "there are too few maps of true covid-19 images. there are too few maps of true normal images. the "
            "maps therefore show nothing about a bias",
            r"there are too few maps of missed cases for an interval; on average they have \qty{45}{\percent} of "
            r"their heat in the lungs and \qty{20}{\percent} on the border, correct predictions of normal "
            r"\qty{45}{\percent} and \qty{20}{\percent}. the most confident missed case",
            "single maps are examples and do not explain the errors.",
            "not shown to be below one half, so the maps are not shown to depend on what was learned",
            r"no faster for the transfer model (\num{0.12} (\num{-0.10} to \num{0.10}), \cref{fig:deletion}): "
            "the maps are not shown to mark what matters to the prediction",
            r"\num{4} test images have a copy in the test set",
            "two checks use maps of the more probable class",
            "after that epoch it rises little on val, but",
            "the auc of the baseline is significantly lower on the test set",
            "poor inspiration cause them too. the data set is small",
        ],
        "gained specificity": [
            r"an image is predicted positive at or above a logit of \num{0.93}",
            r"has no finite slope, as its logits separate the classes, an intercept of \num{0.0} (\num{-0.2} to "
            r"\num{0.2}), and a calibration error",
            r"leaves the error as it is; the brier score does not change detectably (a change of \num{0.000}",
            r"validation set, \qty{25}{\percent}. predictions use the uncorrected logit. reliability",
            r"on test the specificity of the baseline is significantly lower, a difference of \num{-0.04} "
            r"(\num{-0.06} to \num{-0.02}). the threshold",
            "other heads are compared with that of the starting values",
            "higher than every run of the selected configuration: on val the search brought no improvement",
            r"has a val auc of at least \num{0.910}, the selected head one of at most \num{0.800}",
        ],
        "diverged": [
            r"the run diverges after \num{4} epochs",
            "the initial run diverged, so there is no gap",
            r"\num{0.95} in fewer epochs than the baseline, \num{0.90} in as many (medians",
            r"only the transfer model reaches \num{0.98}",
            "and a lower one with others",
            r"higher with \num{134} images and lower with \num{2688} images; with the other numbers",
            "later epochs did not reduce it further",
            r"and a dense layer is needed; the smallest head that is not significantly worse has \num{16} units "
            r"(\num{32801} parameters in place of \num{131201}).",
        ],
        "undecided": [
            r"the backbone is then unfrozen from its layer \texttt{conv4\_block1\_preact\_bn} on, except for",
            r"we prefer the baseline, which is smaller (\cref{tab:costs}).",
            "no change of sensitivity or specificity is significant by the exact test",
        ],
        "external": [
            r"after the test set (\num{2} evaluations in all)",
            r"contains \num{100} covid-19 and \num{200} normal images; \num{3} copies of images in the archive "
            "were removed",
            r"of the transfer model from the test set is \num{-0.15} (\num{-0.20} to \num{-0.10}): the "
            "transfer model ranks the external images worse",
            r"& sensitivity & \num{0.80} (\num{0.75} to \num{0.85}) & \num{-0.15} (",
        ],
        "external, no harder": [
            "it shares no image with the archive",
            "a significant but negligible difference",
            "except for the mean images, yes, as far as these tests show",
            "the auc of the transfer model is significantly lower on the test set",
            r"of the baseline from the test set is \num{0.05} (\num{0.01} to \num{0.10}): the baseline "
            "ranks the external images better",
            r"(\num{-0.10} to \num{0.10}): no detectable difference",
            "not significantly lower than on the test set for either.",
            "no auc is significantly lower on the external set",
        ],
        "external, baseline lower": [
            r"on \num{300} images from another source the auc is \num{0.80} (\num{0.75} to \num{0.85}) for the "
            "baseline and",
            "lower than on the test set for the baseline, whose test result does not carry over to this source.",
            "the auc of the baseline is significantly lower on the external set than on the test set "
            r"(\cref{tab:external}). the audit did not predict this",
            "no detectable difference between the models.",
            "the models separate the classes only in part. the next steps are a better model and films of both classes",
        ],
        "external, transfer lower": [
            "lower than on the test set for the transfer model, whose test result",
            r"(\num{-0.20} to \num{-0.10}): the baseline carries over better.",
            r"the model misses \num{0} covid-19 images and raises \num{1} false alarm (",
            "this is what the audit predicts",
            "of the two we prefer the baseline, which carries over better",
        ],
        "ordered worse": [
            "as other ranges overlap this one, the order is not settled",
            "no larger head is significantly better, and no smaller one was tried",
            "underfits rather than overfits",
            "the baseline starts no higher, although it must learn its features, but the transfer",
            r"\num{0.95} in more epochs than the baseline, \num{0.90} in as many (medians",
            "not significant, but it rises with every share, so more images may still help",
            "narrower than in any of these: tuning has not reduced it",
            r"only the baseline reaches \num{0.98}",
            "overfits less",
            "at most ten times this rate",
            "is within the range of the baseline's train-only runs",
            r"it is significantly higher with \num{268}, \num{672}, \num{1344} and \num{2688} images; with the other",
            "a deeper cut, the only kind tried, is not significantly better",
            "it gains sensitivity at the cost of specificity",
        ],
        "demo": [
            "generated phantoms",
            "random weights",
            "shows only that the method runs",
            "on phantoms this audit shows only that it runs",
            "nothing can be concluded",
            "the last epoch is the best one, so a longer run may be better; but in most of the last epochs",
            "in as many epochs as the baseline",
            "every smaller one is significantly worse: the parameters of this head are needed",
            "as no run continued after its best epoch",
            "in every run the cross-entropy on train is less than half",
            "unlike with these random weights",
        ],
    }.items(),
)
def test_texts_follow_the_tables(untyped, name, phrases):
    settings, alter = scenarios()[name]
    alter(untyped.tables)
    source = untyped.source(settings).lower()
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
